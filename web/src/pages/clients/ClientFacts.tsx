import { useQuery } from "@tanstack/react-query";

import { queries } from "@/api/queries";
import type { Client } from "@/api/types";
import { Facts } from "@/components/Facts";
import { Card } from "@/components/Page";
import { Plain, When } from "@/components/Text";
import { count } from "@/lib/format";

const MOST_NAMES = 12;

function Names({ names, none }: { names: readonly string[]; none: string }) {
  if (names.length === 0) return <>{none}</>;
  return (
    <span style={{ display: "flex", flexWrap: "wrap", gap: 4 }}>
      {names.slice(0, MOST_NAMES).map((name) => (
        <span key={name} className="gw-chip">
          <Plain text={name} />
        </span>
      ))}
      {names.length > MOST_NAMES && <span className="gw-dim">and {names.length - MOST_NAMES} more</span>}
    </span>
  );
}

function Keys({ client }: { client: Client }) {
  return client.keys.map((key) => (
    <div key={key.tail + key.created_at}>
      <code className="gw-mono">…{key.tail}</code>{" "}
      <span className="gw-dim">
        {key.expires_at ? (
          <>
            until <When iso={key.expires_at} />
          </>
        ) : (
          <>
            since <When iso={key.created_at} />
          </>
        )}
      </span>
    </div>
  ));
}

export function ClientFacts({ client }: { client: Client }) {
  const providers = useQuery(queries.providers());
  const provider = providers.data?.items.find((p) => p.name === client.backend);
  const address = client.base_url || provider?.base_url || "";
  const aliases = Object.entries(client.model_aliases).map(([alias, model]) => `${alias} = ${model}`);
  return (
    <Card title="Settings">
      <Facts
        rows={[
          !!client.description && ["Description", <Plain key="d" text={client.description} />],
          ["Provider", <Plain key="p" text={provider?.title ?? client.backend} />],
          !!address && ["Base URL", <Plain key="u" text={address} mono />],
          ["Credential", client.has_backend_api_key ? "Stored, encrypted" : "None"],
          ["Default model", client.default_model ? <Plain key="m" text={client.default_model} mono /> : "None"],
          ["Allowed models", <Names key="w" names={client.model_whitelist} none="Every model" />],
          aliases.length > 0 && ["Aliases", <Names key="a" names={aliases} none="" />],
          client.fallback_models.length > 0 && ["Fallback", <Names key="f" names={client.fallback_models} none="" />],
          ["Known models", client.models.length === 0 ? "Not fetched yet" : count(client.models.length)],
          !!client.system_prompt && ["System prompt", `${count(client.system_prompt.length)} characters`],
          ["Tool mode", client.tool_mode === "gateway" ? "Gateway" : "Pass through"],
          client.tool_mode === "gateway" && [
            "Server tools",
            <Names key="t" names={client.server_tools} none="Every tool" />,
          ],
          ["Allowed addresses", <Names key="i" names={client.allowed_ips} none="Any" />],
          ["Bodies", client.log_bodies ? "Logged" : "Not logged"],
          ["Timeout", `${client.timeout_seconds} s`],
          ["Key", <Keys key="k" client={client} />],
          ["Expires", client.expires_at ? <When key="e" iso={client.expires_at} /> : "Never"],
          ["Last seen", <When key="s" iso={client.last_seen} relative />],
          ["Changed", <When key="c" iso={client.updated_at} />],
        ]}
      />
    </Card>
  );
}
