import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";

import { call } from "@/api/http";
import { forget, queries } from "@/api/queries";
import type { ClientCreated, Defaults } from "@/api/types";
import { AdminOnly } from "@/components/AdminOnly";
import { Page } from "@/components/Page";
import { Load } from "@/components/States";
import { useSave } from "@/lib/useSave";
import { ClientForm } from "@/pages/clients/ClientForm";
import { takeCarried } from "@/pages/clients/carry";
import type { Draft } from "@/pages/clients/draft";
import { emptyDraft, wholeOf } from "@/pages/clients/draft";
import { KeyDialog } from "@/pages/clients/KeyDialog";

export default function NewClient() {
  const defaults = useQuery(queries.defaults());
  return (
    <AdminOnly>
      <Page title="New client" back={{ href: "/clients", label: "Clients" }} lead="Four answers are enough. The rest has good defaults.">
        <Load query={defaults} rows={8}>
          {(values) => <Creating defaults={values} />}
        </Load>
      </Page>
    </AdminOnly>
  );
}

function Creating({ defaults }: { defaults: Defaults }) {
  const [, navigate] = useLocation();
  const [start] = useState<Draft>(() => takeCarried() ?? emptyDraft(defaults));
  const [draft, setDraft] = useState(start);
  const [created, setCreated] = useState<ClientCreated | null>(null);
  const saving = useSave();
  const submit = () =>
    void saving.save(async () => {
      setCreated(await call("POST", "/clients", { body: wholeOf(draft) }));
      await forget("clients");
    });
  return (
    <>
      <ClientForm
        draft={draft}
        onChange={setDraft}
        changed={draft !== start && !created}
        saving={saving}
        submit={submit}
        submitLabel="Create client"
        cancel={() => navigate("/clients")}
        stored={false}
      />
      {created && (
        <KeyDialog
          clientId={created.client.id}
          name={created.client.name}
          apiKey={created.api_key}
          onClose={() => navigate(`/clients/${created.client.id}`)}
        />
      )}
    </>
  );
}
