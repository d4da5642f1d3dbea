import { Button, Group, Select, Stack, TextInput } from "@mantine/core";

import type { Provider } from "@/api/types";
import { Icon } from "@/components/Icon";
import { SecretInput } from "@/components/SecretInput";
import type { FieldErrors } from "@/lib/useSave";
import type { BackendDraft } from "@/pages/clients/draft";
import { nextId } from "@/pages/clients/draft";

/** What to put above the address and the credential of a provider. */
export function ProviderSelect({
  value,
  onChange,
  providers,
  error,
  autoFocus,
}: {
  value: string;
  onChange: (value: string) => void;
  providers: readonly Provider[];
  error?: string | undefined;
  autoFocus?: boolean;
}) {
  return (
    <Select
      label="Provider"
      withAsterisk
      placeholder="Pick one, or type to search"
      data={providers.map((provider) => ({ value: provider.name, label: provider.title }))}
      value={value || null}
      onChange={(name) => onChange(name ?? "")}
      searchable
      // With one picked, the list has all of them again where its title is typed anew: the first is another.
      selectFirstOptionOnChange={!value}
      // Else a timer, begun as the list opens, may take back what typing has chosen: Enter would send the form.
      selectFirstOptionOnDropdownOpen={!value}
      nothingFoundMessage="No such provider. Anything that speaks OpenAI's API is “OpenAI-compatible”."
      error={error}
      data-autofocus={autoFocus ? true : undefined}
      allowDeselect={false}
    />
  );
}

export function BaseUrlInput({
  value,
  onChange,
  provider,
  error,
}: {
  value: string;
  onChange: (value: string) => void;
  provider: Provider | undefined;
  error?: string | undefined;
}) {
  return (
    <TextInput
      label="Base URL"
      type="url"
      inputMode="url"
      withAsterisk={provider?.base_url_required}
      description={provider?.base_url_required ? "Where its API is" : "Empty: the provider's own address"}
      placeholder={provider?.base_url || "https://host/v1"}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      error={error}
    />
  );
}

export function ExtraBackendsInput({
  value,
  onChange,
  providers,
  errors,
}: {
  value: BackendDraft[];
  onChange: (value: BackendDraft[]) => void;
  providers: readonly Provider[];
  errors: FieldErrors;
}) {
  const set = (id: number, change: Partial<BackendDraft>) =>
    onChange(value.map((extra) => (extra.id === id ? { ...extra, ...change } : extra)));
  return (
    <Stack gap="sm">
      {value.map((extra, index) => (
        <ExtraBackendFields
          key={extra.id}
          extra={extra}
          providers={providers}
          error={(field) => errors[`extra_backends.${index}.${field}`]}
          set={(change) => set(extra.id, change)}
          remove={() => onChange(value.filter((other) => other.id !== extra.id))}
        />
      ))}
      <Button
        variant="default"
        size="xs"
        style={{ alignSelf: "start" }}
        leftSection={<Icon name="plus" size={14} />}
        onClick={() =>
          onChange([...value, { id: nextId(), name: "", backend: "", base_url: "", has_backend_api_key: false }])
        }
      >
        Add a backend
      </Button>
    </Stack>
  );
}

function ExtraBackendFields({
  extra,
  providers,
  error,
  set,
  remove,
}: {
  extra: BackendDraft;
  providers: readonly Provider[];
  error: (field: string) => string | undefined;
  set: (change: Partial<BackendDraft>) => void;
  remove: () => void;
}) {
  const provider = providers.find((p) => p.name === extra.backend);
  return (
    <fieldset className="gw-card" style={{ margin: 0 }}>
      <legend className="gw-dim">{extra.name ? `Backend ${extra.name}` : "New backend"}</legend>
      <div className="gw-two">
        <TextInput
          label="Name"
          withAsterisk
          description="For fallback models: NAME/model"
          value={extra.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          error={error("name")}
          maxLength={200}
        />
        <ProviderSelect
          value={extra.backend}
          onChange={(backend) => set({ backend })}
          providers={providers}
          error={error("backend")}
        />
        <BaseUrlInput
          value={extra.base_url}
          onChange={(base_url) => set({ base_url })}
          provider={provider}
          error={error("base_url")}
        />
        <SecretInput
          label="Credential"
          description={provider && !provider.key_required ? "Optional here" : "The provider's API key"}
          value={extra.backend_api_key}
          stored={extra.has_backend_api_key}
          onChange={(backend_api_key) => set({ backend_api_key })}
          error={error("backend_api_key")}
        />
      </div>
      <Group justify="flex-end" mt="xs">
        <Button size="compact-xs" variant="default" onClick={remove} leftSection={<Icon name="trash" size={13} />}>
          Remove this backend
        </Button>
      </Group>
    </fieldset>
  );
}
