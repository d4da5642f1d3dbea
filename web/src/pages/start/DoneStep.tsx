import { Alert, Button, Group, Stack, Text } from "@mantine/core";
import { Link } from "wouter";

import type { ClientCreated } from "@/api/types";
import { Icon } from "@/components/Icon";
import { KeyLine } from "@/pages/clients/KeyDialog";
import { Snippets } from "@/pages/clients/Snippets";

export function DoneStep({ created: { client, api_key } }: { created: ClientCreated }) {
  return (
    <div className="gw-card">
      <Stack gap="md">
        <Alert color="teal" variant="light" icon={<Icon name="check" />} title="Ready" role="status">
          This is the client&apos;s key. Copy it now: the gateway keeps only its hash and cannot show it again.
        </Alert>
        <KeyLine apiKey={api_key} />
        <div>
          <Text fw={600} size="sm" mb={4}>
            Paste one of these
          </Text>
          <Snippets clientId={client.id} apiKey={api_key} />
        </div>
        <Group>
          <Button component={Link} href={`/playground?client=${client.id}`} leftSection={<Icon name="playground" size={16} />}>
            Try it here
          </Button>
          <Button component={Link} href="/" variant="default">
            To the dashboard
          </Button>
        </Group>
      </Stack>
    </div>
  );
}
