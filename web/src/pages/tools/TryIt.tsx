import { Alert, Button, Group, JsonInput, Modal, Select, Stack, Switch, TextInput, Textarea } from "@mantine/core";
import type { SubmitEvent } from "react";
import { useRef, useState } from "react";

import { call } from "@/api/http";
import { forget } from "@/api/queries";
import type { Tool, ToolResult } from "@/api/types";
import { FormAlert } from "@/components/FormAlert";
import { Icon } from "@/components/Icon";
import { ToolOutcome } from "@/components/ToolOutcome";
import { duration } from "@/lib/format";
import type { Field } from "@/lib/schemaForm";
import { fieldsOf, read, readObject } from "@/lib/schemaForm";
import { inertLine } from "@/lib/text";
import { useSave } from "@/lib/useSave";
import { Result } from "@/pages/tools/Result";

/** Runs a tool with arguments that somebody types, as a model would. */
export function TryIt({ tool, close }: { tool: Tool; close: () => void }) {
  const fields = fieldsOf(tool.parameters);
  const [texts, setTexts] = useState<Record<string, string>>({});
  const [json, setJson] = useState("{}");
  const [asJson, setAsJson] = useState(fields === null);
  const [result, setResult] = useState<ToolResult | null>(null);
  const shown = useRef<HTMLDivElement>(null);
  const { save, busy, errors, message, setErrors, clear } = useSave();

  const turn = (on: boolean) => {
    clear();
    if (on) setJson(JSON.stringify(read(fields ?? [], texts).args, null, 2));
    setAsJson(on);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const { args, errors: found } = asJson || fields === null ? readObject(json) : read(fields, texts);
    setErrors(found);
    if (Object.keys(found).length > 0) return;
    setResult(null);
    void save(async () => {
      setResult(await call("POST", "/tools/{name}/call", { path: { name: tool.name }, body: { arguments: args } }));
      await forget("audit");
      shown.current?.scrollIntoView({ block: "nearest" });
    });
  };
  return (
    <Modal opened onClose={close} title={`Try ${inertLine(tool.name)}`} size="lg">
      <form onSubmit={submit} noValidate>
        <Stack gap="md">
          <Alert variant="light" color="indigo" icon={<Icon name="warning" />}>
            It really runs: what it does, it does. The audit log keeps that you ran it, not with what.
          </Alert>
          {fields !== null && fields.length > 0 && (
            <Switch label="Write the arguments as JSON" checked={asJson} onChange={(event) => turn(event.currentTarget.checked)} />
          )}
          {asJson || fields === null ? (
            <JsonInput
              label="Arguments"
              value={json}
              onChange={setJson}
              error={errors[""]}
              autosize
              minRows={4}
              maxRows={14}
              formatOnBlur
            />
          ) : (
            fields.map((field, index) => (
              <Argument
                key={field.name}
                field={field}
                first={index === 0}
                value={texts[field.name] ?? ""}
                onChange={(text) => setTexts((known) => ({ ...known, [field.name]: text }))}
                error={errors[field.name]}
              />
            ))
          )}
          {fields?.length === 0 && !asJson && <span className="gw-dim">It takes no arguments.</span>}
          <FormAlert message={message} />
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              Close
            </Button>
            <Button type="submit" loading={busy} leftSection={<Icon name="send" size={14} />}>
              Run
            </Button>
          </Group>
          <div ref={shown} role="status" aria-label="Result">
            {result && (
              <Stack gap="xs">
                <Group gap="sm">
                  <ToolOutcome error={result.error} />
                  <span className="gw-dim">{duration(result.duration_ms)}</span>
                  {result.error !== null && <span className="gw-dim">The model would be told:</span>}
                </Group>
                <Result parts={result.parts} />
              </Stack>
            )}
          </div>
        </Stack>
      </form>
    </Modal>
  );
}

interface Props {
  field: Field;
  first: boolean;
  value: string;
  onChange: (text: string) => void;
  error: string | undefined;
}

/** A JSON string without its quotes. */
function bare(json: string): string {
  return inertLine(json.replace(/^"(.*)"$/, "$1"));
}

function Argument({ field, first, value, onChange, error }: Props) {
  const common = {
    label: inertLine(field.name),
    description: inertLine(field.description),
    withAsterisk: field.required,
    error,
    ...(first && { "data-autofocus": true }),
  };
  const placeholder = field.fallback && `Default: ${bare(field.fallback)}`;
  switch (field.kind) {
    case "choice":
    case "boolean": {
      const options = field.kind === "boolean" ? ["true", "false"] : field.options;
      return (
        <Select
          {...common}
          data={options.map((option) => ({ value: option, label: bare(option) }))}
          value={value || null}
          onChange={(picked) => onChange(picked ?? "")}
          placeholder={placeholder || "Not given"}
          clearable={!field.required}
        />
      );
    }
    case "number":
    case "integer":
      return (
        <TextInput
          {...common}
          inputMode={field.kind === "integer" ? "numeric" : "decimal"}
          placeholder={placeholder}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      );
    case "json":
      return (
        <JsonInput {...common} placeholder={placeholder || "JSON"} value={value} onChange={onChange} autosize minRows={2} maxRows={10} />
      );
    case "text":
      return (
        <Textarea
          {...common}
          placeholder={placeholder}
          value={value}
          onChange={(event) => onChange(event.currentTarget.value)}
          autosize
          minRows={1}
          maxRows={8}
        />
      );
  }
}
