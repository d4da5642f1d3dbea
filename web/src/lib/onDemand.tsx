import { useEffect, useState, type ComponentType } from "react";

import { Loading } from "@/components/States";

interface Module<P> {
  default: ComponentType<P>;
}

/**
 * A component whose module is loaded when it is first shown. What goes wrong with that is thrown where it is rendered,
 * and tried again when it is shown again.
 *
 * Not React's `lazy`: what takes the place of a `Suspense`'s fallback is held back until that has been there for 0.3 s,
 * on every page that is opened for the first time.
 */
export function onDemand<P extends object>(load: () => Promise<Module<P>>): ComponentType<P> {
  let Loaded: ComponentType<P> | undefined;
  return function OnDemand(props: P) {
    const [, setOutcome] = useState<"loading" | "loaded">(Loaded ? "loaded" : "loading");
    useEffect(() => {
      if (Loaded) {
        setOutcome("loaded");
        return;
      }
      let isGone = false;
      load().then(
        (module) => {
          Loaded = module.default;
          if (!isGone) setOutcome("loaded");
        },
        (error: unknown) => {
          if (!isGone)
            setOutcome(() => {
              throw error;
            });
        },
      );
      return () => {
        isGone = true;
      };
    }, []);
    return Loaded ? <Loaded {...props} /> : <Loading rows={6} />;
  };
}
