import { UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import { queries } from "@/api/queries";
import type { Discovered, Provider } from "@/api/types";
import { Card } from "@/components/Page";
import { Loading } from "@/components/States";
import { Plain } from "@/components/Text";
import { count } from "@/lib/format";

type Pick = (provider: Provider, found?: Discovered) => void;

function Choice({ title, note, onClick, found }: { title: string; note: string; onClick: () => void; found?: boolean }) {
  return (
    <UnstyledButton className="gw-card" onClick={onClick} style={{ width: "100%" }}>
      <div style={{ fontWeight: 650, display: "flex", gap: 8, alignItems: "center" }}>
        {found && <span className="gw-dot" data-kind="ok" aria-hidden="true" />}
        {title}
      </div>
      <div className="gw-dim">
        <Plain text={note} />
      </div>
    </UnstyledButton>
  );
}

const GRID = { display: "grid", gap: 10, gridTemplateColumns: "repeat(auto-fill, minmax(min(100%, 210px), 1fr))" };

/** Local servers first, since they need no account. */
export function PickStep({ providers, onPick }: { providers: readonly Provider[]; onPick: Pick }) {
  return (
    <>
      <Local providers={providers} onPick={onPick} />
      <Card title="Providers">
        <div style={GRID}>
          {providers
            .filter((provider) => !provider.builtin)
            .map((provider) => (
              <Choice key={provider.name} title={provider.title} note={note(provider)} onClick={() => onPick(provider)} />
            ))}
        </div>
      </Card>
    </>
  );
}

function note(provider: Provider): string {
  if (provider.base_url_required) return provider.key_required ? "Needs a URL and a key" : "Needs a URL";
  return provider.key_required ? "Needs an API key" : "No key needed";
}

function Local({ providers, onPick }: { providers: readonly Provider[]; onPick: Pick }) {
  const discovered = useQuery(queries.discover());
  const found = discovered.data?.items ?? [];
  return (
    <Card title="On this machine">
      {discovered.isPending && <Loading rows={1} height={56} />}
      {!discovered.isPending && found.length === 0 && (
        <p className="gw-dim" style={{ margin: 0 }}>
          No Ollama or LM Studio answers on its default port. Start one and reload, or pick it below with its URL.
        </p>
      )}
      <div style={GRID}>
        {found.map((server) => {
          const provider = providers.find((p) => p.name === server.backend);
          if (!provider) return null;
          return (
            <Choice
              key={server.base_url}
              found
              title={`${provider.title} is running`}
              note={`${server.models.length === 1 ? "1 model" : `${count(server.models.length)} models`} at ${server.base_url}`}
              onClick={() => onPick(provider, server)}
            />
          );
        })}
      </div>
    </Card>
  );
}
