import { Button, Group, Text } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link, useLocation } from "wouter";

import { queries } from "@/api/queries";
import { Icon } from "@/components/Icon";
import { useIsAdmin } from "@/session/hooks";

/** Whether the only clients are those of the built-in stand-in. */
function useIsNew(): boolean {
  const admin = useIsAdmin();
  const clients = useQuery({ ...queries.clients({ limit: 5 }), enabled: admin, refetchInterval: false });
  const found = clients.data;
  return admin && !!found && found.next_cursor === null && found.items.every((client) => client.backend === "echo");
}

/** The start is opened by itself once, and offered until there is a client of a real provider. */
export function Welcome() {
  const isNew = useIsNew();
  const [, navigate] = useLocation();
  const [seen, setSeen] = useLocalStorage({ key: "gw-start-seen", defaultValue: false, getInitialValueInEffect: false });
  useEffect(() => {
    if (isNew && !seen) {
      setSeen(true);
      navigate("/start");
    }
  }, [isNew, seen, setSeen, navigate]);
  if (!isNew) return null;
  return (
    <div className="gw-card">
      <Group justify="space-between" gap="sm">
        <div>
          <Text fw={650}>Connect a provider</Text>
          <Text size="sm" c="dimmed">
            So far only the built-in echo answers. Three steps lead to a real model.
          </Text>
        </div>
        <Button component={Link} href="/start" leftSection={<Icon name="rocket" size={16} />}>
          Start
        </Button>
      </Group>
    </div>
  );
}
