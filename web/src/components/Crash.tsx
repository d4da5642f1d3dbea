import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { Component } from "react";

import { Empty } from "@/components/States";

/** A fault of this page, or files of an older version that the gateway no longer has. */
export class Crash extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <Empty
        icon="warning"
        title="This page could not be shown"
        action={
          <Button variant="default" onClick={() => window.location.reload()}>
            Reload
          </Button>
        }
      >
        The gateway may have been updated while this tab was open.
      </Empty>
    );
  }
}
