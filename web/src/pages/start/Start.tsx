import { Button, Group, Stepper } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";

import { queries } from "@/api/queries";
import type { ClientCreated, Defaults, Discovered, Provider } from "@/api/types";
import { AdminOnly } from "@/components/AdminOnly";
import { Page } from "@/components/Page";
import { Load } from "@/components/States";
import type { Draft } from "@/pages/clients/draft";
import { emptyDraft } from "@/pages/clients/draft";
import { DoneStep } from "@/pages/start/DoneStep";
import { PickStep } from "@/pages/start/PickStep";
import { TestStep } from "@/pages/start/TestStep";

export default function Start() {
  const providers = useQuery(queries.providers());
  const defaults = useQuery(queries.defaults());
  return (
    <AdminOnly>
      <Page
        title="Connect a provider"
        lead="Three steps to the first answer of a real model."
        actions={
          <Button component={Link} href="/" variant="default">
            Skip
          </Button>
        }
      >
        <Load query={providers}>
          {({ items }) => <Load query={defaults}>{(values) => <Steps providers={items} defaults={values} />}</Load>}
        </Load>
      </Page>
    </AdminOnly>
  );
}

const NAMES = ["Provider", "Test", "Use it"];

function Steps({ providers, defaults }: { providers: readonly Provider[]; defaults: Defaults }) {
  const [step, setStep] = useState(0);
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(defaults));
  const [created, setCreated] = useState<ClientCreated | null>(null);
  const set = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }));
  const provider = providers.find((p) => p.name === draft.backend);

  const pick = (chosen: Provider, found?: Discovered) => {
    set({
      backend: chosen.name,
      base_url: found && found.base_url !== chosen.base_url ? found.base_url : "",
      models: found?.models ?? [],
      default_model: found?.models[0] ?? (chosen.name === "echo" ? "echo" : ""),
      name: draft.name || "my-app",
      backend_api_key: undefined,
    });
    setStep(1);
  };
  return (
    <div style={{ maxWidth: 860 }} className="gw-stack">
      <Stepper active={step} size="sm" allowNextStepsSelect={false}>
        {NAMES.map((name) => (
          <Stepper.Step key={name} label={name} allowStepSelect={false} component="div" />
        ))}
      </Stepper>
      {step === 0 && <PickStep providers={providers} onPick={pick} />}
      {step === 1 && provider && (
        <TestStep
          draft={draft}
          set={set}
          provider={provider}
          onBack={() => setStep(0)}
          onCreated={(answer) => {
            setCreated(answer);
            setStep(2);
          }}
        />
      )}
      {step === 2 && created && <DoneStep created={created} />}
      {step === 0 && (
        <Group>
          <span className="gw-dim">
            More to set, such as limits? <Link href="/clients/new">Use the full form</Link>
          </span>
        </Group>
      )}
    </div>
  );
}
