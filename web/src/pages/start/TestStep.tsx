import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import type { SubmitEvent } from "react";

import { call } from "@/api/http";
import { forget } from "@/api/queries";
import type { ClientCreated, Provider } from "@/api/types";
import { FormAlert } from "@/components/FormAlert";
import { SecretInput } from "@/components/SecretInput";
import { useSave } from "@/lib/useSave";
import { BaseUrlInput } from "@/pages/clients/BackendFields";
import { TestReport } from "@/pages/clients/ConnectionTest";
import type { Draft } from "@/pages/clients/draft";
import { check, wholeOf } from "@/pages/clients/draft";
import { ModelInput } from "@/pages/clients/ModelsInput";
import { useConnectionTest } from "@/pages/clients/useBackend";

/** Asks the provider first; what works becomes a client. */
export function TestStep({
  draft,
  set,
  provider,
  onBack,
  onCreated,
}: {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  provider: Provider;
  onBack: () => void;
  onCreated: (answer: ClientCreated) => void;
}) {
  const test = useConnectionTest();
  const { save, busy, errors, message, setErrors } = useSave();
  const works = test.data?.ok === true;

  const run = (event?: SubmitEvent) => {
    event?.preventDefault();
    const wrong = check(draft, [provider]);
    if (provider.key_required && !draft.backend_api_key) wrong["backend_api_key"] = "This provider needs a key";
    setErrors(wrong);
    if (Object.keys(wrong).length > 0) return;
    test.mutate(
      {
        backend: draft.backend,
        base_url: draft.base_url.trim(),
        backend_api_key: draft.backend_api_key ?? "",
        model: draft.default_model.trim(),
      },
      { onSuccess: ({ models }) => models && set({ models, default_model: draft.default_model || (models[0] ?? "") }) },
    );
  };
  const create = () =>
    void save(async () => {
      const answer = await call("POST", "/clients", { body: wholeOf(draft) });
      await forget("clients");
      onCreated(answer);
    });
  const edit = (change: Partial<Draft>) => {
    set(change);
    if (!("name" in change) && !("default_model" in change)) test.reset();
  };
  return (
    <form onSubmit={run} noValidate className="gw-card">
      <Stack gap="md">
        <Text fw={650}>{provider.title}</Text>
        <FormAlert message={Object.keys(errors).length === 0 ? message : ""} />
        {!provider.builtin && (provider.key_required || provider.base_url_required) && (
          <SecretInput
            label="API key"
            required={provider.key_required}
            description={provider.key_required ? "Encrypted at rest, never shown again" : "Optional"}
            value={draft.backend_api_key}
            stored={false}
            onChange={(backend_api_key) => edit({ backend_api_key })}
            error={errors["backend_api_key"]}
          />
        )}
        {!provider.builtin && (
          <BaseUrlInput
            value={draft.base_url}
            onChange={(base_url) => edit({ base_url })}
            provider={provider}
            error={errors["base_url"]}
          />
        )}
        <div className="gw-two">
          <ModelInput
            label="Model"
            description={draft.models.length > 0 ? `${draft.models.length} to choose from` : "Empty: the test finds one"}
            value={draft.default_model}
            onChange={(default_model) => edit({ default_model })}
            models={draft.models}
            error={errors["default_model"]}
          />
          <TextInput
            label="Name of the client"
            description="Who gets the key: an application, a person"
            value={draft.name}
            onChange={(event) => edit({ name: event.currentTarget.value })}
            error={errors["name"]}
          />
        </div>
        <TestReport result={test.data} error={test.error} />
        <Group justify="space-between">
          <Button variant="default" onClick={onBack}>
            Another provider
          </Button>
          <Group gap="xs">
            <Button type="submit" variant={works ? "default" : "filled"} loading={test.isPending}>
              {test.data ? "Test again" : "Test connection"}
            </Button>
            {test.data && (
              <Button variant={works ? "filled" : "default"} onClick={create} loading={busy}>
                {works ? "Create the client" : "Create it all the same"}
              </Button>
            )}
          </Group>
        </Group>
      </Stack>
    </form>
  );
}
