import { Alert, Button, Group, Stack, Text } from "@mantine/core";

import type { TestResult, TestStep } from "@/api/types";
import { Failed } from "@/components/States";
import { Icon } from "@/components/Icon";
import { Plain } from "@/components/Text";
import { duration } from "@/lib/format";

const STEPS: Record<TestStep["name"], string> = {
  resolve: "Resolve the host name",
  connect: "Connect",
  tls: "TLS handshake",
  authenticate: "Authenticate",
  models: "List the models",
  model: "Find the model",
  answer: "Get an answer",
};

const FAILURES: Record<NonNullable<TestResult["failure"]>, string> = {
  dns: "The host name is not known. Check the base URL for a typing mistake.",
  refused: "Nothing listens there. Is the server running, and is this its port?",
  timeout: "No answer in time. A firewall may drop the connection, or the server is overloaded.",
  tls: "The TLS handshake failed. Is the certificate valid, and is it really HTTPS?",
  unauthorized: "The provider refuses the credential.",
  wrong_path: "Something answers, but not at this path. Does the base URL need /v1 at its end?",
  no_such_model: "The provider has no such model.",
  provider_error: "The provider answered with an error.",
};

export function TestButton({ onClick, busy, disabled }: { onClick: () => void; busy: boolean; disabled?: boolean }) {
  return (
    <Button variant="default" onClick={onClick} loading={busy} disabled={disabled} leftSection={<Icon name="check" size={15} />}>
      Test connection
    </Button>
  );
}

/** Step by step: what worked, what failed, and how long each took. */
export function TestReport({ result, error }: { result: TestResult | undefined; error: unknown }) {
  if (error) return <Failed error={error} />;
  if (!result) return null;
  return (
    <Alert
      color={result.ok ? "teal" : "red"}
      variant="light"
      icon={<Icon name={result.ok ? "check" : "warning"} />}
      title={result.ok ? `It works: ${duration(result.latency_ms)}` : "It does not work"}
      role="status"
    >
      <Stack gap="xs">
        {!result.ok && (
          <Text size="sm" component="div">
            {result.failure && <div>{FAILURES[result.failure]}</div>}
            <Plain text={result.message} />
          </Text>
        )}
        <ol style={{ listStyle: "none", margin: 0, padding: 0, display: "grid", gap: 4 }}>
          {result.steps.map((step) => (
            <Step key={step.name} step={step} />
          ))}
        </ol>
      </Stack>
    </Alert>
  );
}

function Step({ step }: { step: TestStep }) {
  return (
    <li>
      <Group gap={8} wrap="nowrap" align="start" style={{ fontSize: "0.875rem" }}>
        <span style={{ color: `var(--gw-${step.ok ? "ok" : "bad"})`, paddingTop: 2 }}>
          <Icon name={step.ok ? "check" : "cross"} size={15} />
        </span>
        <span style={{ flex: 1, minWidth: 0 }}>
          {STEPS[step.name]}
          <span className="gw-dim">
            {step.ok ? "" : ", failed"}
            {step.detail && ": "}
            {step.detail && <Plain text={step.detail} />}
          </span>
        </span>
        <span className="gw-num">{duration(step.ms)}</span>
      </Group>
    </li>
  );
}
