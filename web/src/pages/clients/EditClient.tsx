import { Button, Group } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";

import { ApiError, call } from "@/api/http";
import { forget, queries, queryClient } from "@/api/queries";
import type { Client } from "@/api/types";
import { AdminOnly } from "@/components/AdminOnly";
import { Page } from "@/components/Page";
import { Empty, Load } from "@/components/States";
import { notify } from "@/components/Toasts";
import { inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { carry } from "@/pages/clients/carry";
import { ClientForm } from "@/pages/clients/ClientForm";
import type { Draft } from "@/pages/clients/draft";
import { changeOf, draftOf } from "@/pages/clients/draft";
import { StaleDialog } from "@/pages/clients/StaleDialog";

const WATCH_MS = 15_000;

export default function EditClient({ id }: { id: string }) {
  const client = useQuery({ ...queries.client(id), refetchInterval: false, refetchOnWindowFocus: false });
  return (
    <AdminOnly>
      <Page
        title={client.data ? `Edit ${client.data.client.name}` : "Edit client"}
        back={{ href: `/clients/${id}`, label: "Back to the client" }}
      >
        <Load query={client} rows={8}>
          {({ client: found }) => <Editing key={found.id} found={found} />}
        </Load>
      </Page>
    </AdminOnly>
  );
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function Editing({ found }: { found: Client }) {
  const [, navigate] = useLocation();
  const [base, setBase] = useState<Client>(found); // what was there when the form was filled
  const [before, setBefore] = useState<Draft>(() => draftOf(found));
  const [draft, setDraft] = useState<Draft>(before);
  const [theirs, setTheirs] = useState<Client | null>(null);
  const [gone, setGone] = useState(false);
  const change = changeOf(draft, before);
  const changed = Object.keys(change).length > 0;

  const saving = useSave((error) => {
    if (isGone(error)) setGone(true);
    const stale = error instanceof ApiError && error.status === 412;
    if (stale) void newest(found.id).then((client) => (client ? setTheirs(client) : setGone(true)));
    return stale || isGone(error);
  });
  useWatch(found.id, base.etag, () => setGone(true));

  const save = (etag: string) =>
    void saving.save(async () => {
      if (changed) {
        await call("PATCH", "/clients/{client_id}", { path: { client_id: found.id }, body: change, ifMatch: etag });
        await forget("client", "clients", "audit");
        notify("Saved. The gateway follows within a second.");
      }
      navigate(`/clients/${found.id}`);
    });
  const take = (client: Client) => {
    setBase(client);
    const fresh = draftOf(client);
    setBefore(fresh);
    setDraft(fresh);
    setTheirs(null);
  };
  return (
    <>
      {gone && <Gone draft={draft} />}
      <ClientForm
        draft={draft}
        onChange={setDraft}
        changed={changed && !gone}
        saving={saving}
        submit={() => save(base.etag)}
        submitLabel="Save"
        cancel={() => navigate(`/clients/${found.id}`)}
        stored={base.has_backend_api_key}
        clientId={found.id}
      />
      {theirs && (
        <StaleDialog
          mine={draft}
          before={before}
          theirs={theirs}
          onMine={() => {
            setTheirs(null);
            save(theirs.etag);
          }}
          onTheirs={() => take(theirs)}
          onClose={() => setTheirs(null)}
        />
      )}
    </>
  );
}

async function newest(id: string): Promise<Client | null> {
  try {
    return (await call("GET", "/clients/{client_id}", { path: { client_id: id } })).client;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** Looks now and then whether the client is still there, so that nobody fills in a form for nothing. */
function useWatch(id: string, etag: string, onGone: () => void): void {
  useQuery({
    queryKey: ["watch", id, etag],
    queryFn: async () => {
      const client = await newest(id);
      if (!client) onGone();
      return client?.etag ?? null;
    },
    refetchInterval: WATCH_MS,
  });
}

function Gone({ draft }: { draft: Draft }) {
  const [, navigate] = useLocation();
  const again = () => {
    carry({ ...draft, name: draft.name });
    navigate("/clients/new");
  };
  return (
    <div className="gw-card" role="alert">
      <Empty
        icon="trash"
        title={`${inertLine(draft.name)} was deleted meanwhile`}
        action={
          <Group>
            <Button onClick={again}>Make a new client of this</Button>
            <Button
              variant="default"
              onClick={() => {
                queryClient.removeQueries({ queryKey: ["client"] });
                navigate("/clients");
              }}
            >
              Back to the clients
            </Button>
          </Group>
        }
      >
        Somebody else deleted this client. What you typed is still here; a stored credential is not.
      </Empty>
    </div>
  );
}
