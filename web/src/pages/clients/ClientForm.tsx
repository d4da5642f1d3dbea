import { Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { SubmitEvent } from "react";
import { useEffect, useRef, useState } from "react";

import { queries } from "@/api/queries";
import { FormAlert } from "@/components/FormAlert";
import { Load } from "@/components/States";
import { inertLine } from "@/lib/text";
import type { Save } from "@/lib/useSave";
import { useLeaveWarning } from "@/lib/useLeaveWarning";
import { BasicFields } from "@/pages/clients/BasicFields";
import type { Draft } from "@/pages/clients/draft";
import { check } from "@/pages/clients/draft";
import { groupsWith, MoreFields } from "@/pages/clients/MoreFields";

interface Props {
  draft: Draft;
  onChange: (draft: Draft) => void;
  changed: boolean;
  saving: Save;
  submit: () => void;
  submitLabel: string;
  cancel: () => void;
  stored: boolean;
  clientId?: string;
}

export function ClientForm(props: Props) {
  const { draft, onChange, changed, saving, submit, submitLabel, cancel, stored, clientId } = props;
  const providers = useQuery(queries.providers());
  const [open, setOpen] = useState<string[]>([]);
  const form = useRef<HTMLFormElement>(null);
  useLeaveWarning(changed && !saving.busy);
  useShowErrors(saving, form, setOpen);

  const set = (change: Partial<Draft>) => {
    onChange({ ...draft, ...change });
    for (const field of Object.keys(change)) saving.clear(field);
  };
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    const errors = check(draft, providers.data?.items ?? []);
    if (Object.keys(errors).length > 0) saving.setErrors(errors);
    else submit();
  };
  const wrong = Object.keys(saving.errors).length;
  return (
    <Load query={providers} rows={8}>
      {({ items }) => (
        <form ref={form} onSubmit={send} noValidate className="gw-stack" style={{ maxWidth: 860 }}>
          <div className="gw-card">
            <BasicFields
              draft={draft}
              set={set}
              errors={saving.errors}
              providers={items}
              stored={stored}
              clientId={clientId}
            />
          </div>
          <MoreFields
            draft={draft}
            set={set}
            errors={saving.errors}
            providers={items}
            stored={stored}
            open={open}
            onOpen={setOpen}
            isNew={clientId === undefined}
          />
          <div className="gw-savebar">
            <Button type="submit" loading={saving.busy}>
              {submitLabel}
            </Button>
            <Button variant="default" onClick={cancel} disabled={saving.busy}>
              Cancel
            </Button>
            {wrong > 0 ? (
              <Text size="sm" c="var(--mantine-color-error)" role="alert">
                {wrong === 1 ? "One field needs a change" : `${wrong} fields need a change`}: {inertLine(firstMessage(saving))}
              </Text>
            ) : (
              <FormAlert message={saving.message} />
            )}
          </div>
        </form>
      )}
    </Load>
  );
}

function firstMessage({ errors }: Save): string {
  return Object.values(errors)[0] ?? "";
}

/** Opens the groups that hold errors, and takes the focus to the first one. */
function useShowErrors(
  { errors }: Save,
  form: React.RefObject<HTMLFormElement | null>,
  setOpen: React.Dispatch<React.SetStateAction<string[]>>,
): void {
  const before = useRef(errors);
  useEffect(() => {
    const fewer = Object.keys(errors).length <= Object.keys(before.current).length;
    before.current = errors;
    if (fewer) return;
    setOpen((open) => [...new Set([...open, ...groupsWith(errors)])]);
    const timer = setTimeout(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(), 60);
    return () => clearTimeout(timer);
  }, [errors, form, setOpen]);
}
