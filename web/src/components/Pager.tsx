/** Keyset paging: forward by the cursor of the last answer, back by those that were passed. */

import { Button, Group } from "@mantine/core";
import { useState } from "react";

import { Icon } from "@/components/Icon";

export interface Paging {
  cursor: string;
  pager: (next: string | null | undefined, busy: boolean) => React.ReactNode;
}

/** `reset` is what the list is filtered by: another one starts at the first page. */
export function usePaging(reset: string): Paging {
  const [passed, setPassed] = useState<{ reset: string; cursors: string[] }>({ reset, cursors: [] });
  const cursors = passed.reset === reset ? passed.cursors : [];
  const go = (to: string[]) => {
    setPassed({ reset, cursors: to });
    window.scrollTo({ top: 0 });
  };
  return {
    cursor: cursors.at(-1) ?? "",
    pager: (next, busy) =>
      cursors.length === 0 && !next ? null : (
        <Group justify="space-between" mt="sm">
          <Button
            variant="default"
            size="xs"
            disabled={cursors.length === 0}
            onClick={() => go(cursors.slice(0, -1))}
            leftSection={<Icon name="left" size={14} />}
          >
            Previous
          </Button>
          <span className="gw-dim">Page {cursors.length + 1}</span>
          <Button
            variant="default"
            size="xs"
            disabled={!next || busy}
            onClick={() => next && go([...cursors, next])}
            rightSection={<Icon name="right" size={14} />}
          >
            Next
          </Button>
        </Group>
      ),
  };
}
