import { Group, Select, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { queries } from "@/api/queries";
import type { Snippet } from "@/api/types";
import { Copy } from "@/components/Copy";
import { useNarrow } from "@/components/DataTable";
import { Load } from "@/components/States";
import { Block } from "@/components/Text";

const PLACEHOLDER = "YOUR_GATEWAY_KEY";

/** How to call the gateway as this client; with the key in it where it is known. */
export function Snippets({ clientId, apiKey }: { clientId: string; apiKey?: string }) {
  const snippets = useQuery({ ...queries.snippets(clientId), staleTime: Infinity });
  return (
    <Load query={snippets} rows={3}>
      {({ items }) => <Choice items={items} apiKey={apiKey} />}
    </Load>
  );
}

function Choice({ items, apiKey }: { items: readonly Snippet[]; apiKey: string | undefined }) {
  const [id, setId] = useState<string>(items[0]?.id ?? "");
  const narrow = useNarrow();
  const choose = (next: string | null) => next && setId(next);
  const shown = items.find((snippet) => snippet.id === id);
  if (narrow) {
    return (
      <>
        <Select
          aria-label="Tool or language"
          data={items.map((snippet) => ({ value: snippet.id, label: snippet.title }))}
          value={id}
          onChange={choose}
          allowDeselect={false}
          mb="xs"
        />
        {shown && <One snippet={shown} apiKey={apiKey} />}
      </>
    );
  }
  return (
    <Tabs value={id} onChange={choose} keepMounted={false}>
      <Tabs.List aria-label="Tool or language">
        {items.map((snippet) => (
          <Tabs.Tab key={snippet.id} value={snippet.id}>
            {snippet.title}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {items.map((snippet) => (
        <Tabs.Panel key={snippet.id} value={snippet.id} pt="xs">
          <One snippet={snippet} apiKey={apiKey} />
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}

function One({ snippet, apiKey }: { snippet: Snippet; apiKey: string | undefined }) {
  const text = apiKey ? snippet.text.replaceAll(PLACEHOLDER, apiKey) : snippet.text;
  return (
    <>
      <Group justify="space-between" mb={6} gap="xs">
        <Text size="sm" c="dimmed">
          {snippet.filename ? <>In {snippet.filename}</> : snippet.language}
        </Text>
        <Copy text={text} label="Copy" />
      </Group>
      <Block text={text} wrap={false} label={`${snippet.title} snippet`} />
      {!apiKey && text.includes(PLACEHOLDER) && (
        <Text size="sm" c="dimmed" mt={4}>
          Put the client&apos;s key in place of {PLACEHOLDER}. Lost it? Rotate the key.
        </Text>
      )}
    </>
  );
}
