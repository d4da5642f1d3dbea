/** What a page shows while it has nothing to show: loading, empty, failed. */

import { Alert, Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ApiError, reason } from "@/api/http";
import type { IconName } from "@/components/Icon";
import { Icon } from "@/components/Icon";

export function Loading({ rows = 5, height = 34 }: { rows?: number; height?: number }) {
  return (
    <Stack gap="xs" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={height} radius="md" />
      ))}
    </Stack>
  );
}

export function Empty({
  title,
  children,
  icon = "search",
  action,
}: {
  title: string;
  children?: ReactNode;
  icon?: IconName;
  action?: ReactNode;
}) {
  return (
    <Stack align="center" gap={6} py={36} px="md" ta="center">
      <span className="gw-dim">
        <Icon name={icon} size={28} />
      </span>
      <Text fw={600}>{title}</Text>
      {children && (
        <Text size="sm" c="dimmed" maw={460} component="div">
          {children}
        </Text>
      )}
      {action && <Group mt="xs">{action}</Group>}
    </Stack>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  const gone = error instanceof ApiError && error.status === 404;
  const title = gone ? "Not found" : "This could not be loaded";
  return (
    <Alert color="red" variant="light" title={title} icon={<Icon name="warning" />} role="alert">
      <Text size="sm" component="div">
        {reason(error)}
      </Text>
      {retry && !gone && (
        <Button mt="sm" size="xs" variant="default" onClick={retry} leftSection={<Icon name="refresh" size={14} />}>
          Try again
        </Button>
      )}
    </Alert>
  );
}

/** One query's three states. Old data stays, with a word about the failure above it. */
export function Load<T>({
  query,
  children,
  rows,
}: {
  query: UseQueryResult<T>;
  children: (data: T) => ReactNode;
  rows?: number;
}) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    return query.isError ? <Failed error={query.error} retry={retry} /> : <Loading rows={rows} />;
  }
  return (
    <>
      {query.isError && (
        <Alert color="yellow" variant="light" mb="sm" icon={<Icon name="warning" />} role="status">
          <Group justify="space-between" gap="xs">
            <Text size="sm">{reason(query.error)} What you see is from the last answer.</Text>
            <Button size="compact-xs" variant="default" onClick={retry}>
              Try again
            </Button>
          </Group>
        </Alert>
      )}
      {children(query.data)}
    </>
  );
}
