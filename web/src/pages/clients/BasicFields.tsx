import { Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";

import type { Provider } from "@/api/types";
import { reason } from "@/api/http";
import { Icon } from "@/components/Icon";
import { SecretInput } from "@/components/SecretInput";
import type { FieldErrors } from "@/lib/useSave";
import { BaseUrlInput, ProviderSelect } from "@/pages/clients/BackendFields";
import { TestButton, TestReport } from "@/pages/clients/ConnectionTest";
import type { Draft } from "@/pages/clients/draft";
import { errorOf } from "@/pages/clients/draft";
import { ModelInput } from "@/pages/clients/ModelsInput";
import { useConnectionTest, useFetchModels } from "@/pages/clients/useBackend";

export interface FieldsProps {
  draft: Draft;
  set: (change: Partial<Draft>) => void;
  errors: FieldErrors;
  providers: readonly Provider[];
  /** Of a client that exists: whether it has a credential. */
  stored: boolean;
  clientId?: string | undefined;
}

/** The four questions: name, provider, credential and address, default model. */
export function BasicFields({ draft, set, errors, providers, stored, clientId }: FieldsProps) {
  const provider = providers.find((p) => p.name === draft.backend);
  const test = useConnectionTest();
  const fetched = useFetchModels();
  const question = {
    backend: draft.backend,
    base_url: draft.base_url.trim(),
    backend_api_key: draft.backend_api_key,
    client_id: clientId,
  };
  const fetchModels = () =>
    fetched.mutate(question, {
      onSuccess: ({ models }) => set({ models, ...(draft.default_model || !models[0] ? {} : { default_model: models[0] }) }),
    });
  const runTest = () => test.mutate({ ...question, model: draft.default_model.trim() });
  const choose = (backend: string) => {
    set({ backend, base_url: "", models: [], ...(backend === "echo" ? { default_model: "echo" } : {}) });
    test.reset();
    fetched.reset();
  };
  return (
    <Stack gap="md">
      <TextInput
        label="Name"
        withAsterisk
        description="Of the application, person or team that gets the key"
        value={draft.name}
        onChange={(event) => set({ name: event.currentTarget.value })}
        error={errors["name"]}
        maxLength={200}
        autoComplete="off"
        data-autofocus
      />
      <ProviderSelect value={draft.backend} onChange={choose} providers={providers} error={errors["backend"]} />
      {provider && !provider.builtin && (
        <div className="gw-two">
          <SecretInput
            label="Credential"
            required={provider.key_required}
            description={provider.key_required ? `Your API key of ${provider.title}` : "Optional for this provider"}
            value={draft.backend_api_key}
            stored={stored}
            onChange={(backend_api_key) => set({ backend_api_key })}
            error={errors["backend_api_key"]}
          />
          <BaseUrlInput
            value={draft.base_url}
            onChange={(base_url) => set({ base_url })}
            provider={provider}
            error={errors["base_url"]}
          />
        </div>
      )}
      <div>
        <Group align="end" gap="xs">
          <div style={{ flex: "1 1 220px", minWidth: 0 }}>
            <ModelInput
              label="Default model"
              description="Used where a request names none"
              placeholder={draft.models.length > 0 ? "Pick one, or type" : ""}
              value={draft.default_model}
              onChange={(default_model) => set({ default_model })}
              models={draft.models}
              error={errorOf(errors, "default_model")}
            />
          </div>
          <Button variant="default" loading={fetched.isPending} disabled={!draft.backend} onClick={fetchModels}>
            Fetch models
          </Button>
          <TestButton onClick={runTest} busy={test.isPending} disabled={!draft.backend} />
        </Group>
        <div aria-live="polite">
          {fetched.isError && (
            <Alert color="red" variant="light" mt="xs" icon={<Icon name="warning" />} title="The models could not be fetched">
              {reason(fetched.error)}
            </Alert>
          )}
          {fetched.data && (
            <Text size="sm" c="dimmed" mt={4}>
              {fetched.data.models.length} models fetched.
            </Text>
          )}
        </div>
      </div>
      <TestReport result={test.data} error={test.error} />
    </Stack>
  );
}
