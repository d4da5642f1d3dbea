import { Badge, Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { call } from "@/api/http";
import { forget, queries } from "@/api/queries";
import type { OwnSession } from "@/api/types";
import { Confirm } from "@/components/Confirm";
import type { Column } from "@/components/DataTable";
import { DataTable } from "@/components/DataTable";
import { Card } from "@/components/Page";
import { Load } from "@/components/States";
import { Plain, When } from "@/components/Text";
import { notify } from "@/components/Toasts";
import { useSession } from "@/session/hooks";

/** Where somebody is signed in. */
export function Sessions({ everybody }: { everybody?: boolean }) {
  const { user: me } = useSession();
  const sessions = useQuery(queries.sessions(everybody ? "" : me.id));
  const [ending, setEnding] = useState<OwnSession | null>(null);
  const columns: Column<OwnSession>[] = [
    {
      key: "user",
      title: "User",
      lead: true,
      cell: (row) => (
        <>
          <Plain text={row.user.username} /> {row.current && <Badge color="teal">this browser</Badge>}
        </>
      ),
    },
    { key: "address", title: "From", cell: (row) => <Plain text={row.address ?? "unknown"} mono /> },
    { key: "agent", title: "Browser", cell: (row) => <Plain text={row.user_agent ?? "unknown"} cut /> },
    { key: "seen", title: "Last seen", cell: (row) => <When iso={row.last_seen_at} relative /> },
    { key: "ends", title: "Ends", cell: (row) => <When iso={row.expires_at} relative /> },
    {
      key: "end",
      title: "End it",
      right: true,
      cell: (row) =>
        row.current ? (
          <span className="gw-dim">sign out instead</span>
        ) : (
          <Button size="compact-sm" variant="default" onClick={() => setEnding(row)}>
            End session
          </Button>
        ),
    },
  ];
  return (
    <Card title={everybody ? "Sessions" : "Your sessions"}>
      <Load query={sessions} rows={2}>
        {({ items }) => <DataTable label="Sessions" columns={columns} rows={items} rowKey={(row) => row.id} />}
      </Load>
      {ending && (
        <Confirm
          title="End this session?"
          action="End session"
          onClose={() => setEnding(null)}
          onConfirm={async () => {
            await call("DELETE", "/sessions/{session_id}", { path: { session_id: ending.id } });
            notify("The session has ended.");
            await forget("sessions", "audit");
          }}
        >
          Whoever uses that browser has to sign in again.
        </Confirm>
      )}
    </Card>
  );
}
