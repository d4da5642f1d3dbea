import { Button, Group, Modal, Stack, Text } from "@mantine/core";

import type { Client } from "@/api/types";
import { inertLine } from "@/lib/text";
import type { Draft } from "@/pages/clients/draft";
import { draftOf, wholeOf } from "@/pages/clients/draft";

interface Difference {
  field: string;
  mine: string;
  theirs: string;
  /** Both changed it, each to something else. */
  clash: boolean;
}

function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "empty";
  return inertLine(typeof value === "string" ? value : JSON.stringify(value));
}

export function differences(mine: Draft, before: Draft, theirs: Client): Difference[] {
  const [a, b, c] = [mine, before, draftOf(theirs)].map((draft): Record<string, unknown> => ({ ...wholeOf(draft) }));
  if (!a || !b || !c) return [];
  const same = (x: unknown, y: unknown) => JSON.stringify(x) === JSON.stringify(y);
  return Object.keys(c)
    .filter((field) => field !== "backend_api_key" && (!same(c[field], b[field]) || !same(a[field], b[field])))
    .filter((field) => !same(a[field], c[field]))
    .map((field) => ({
      field,
      mine: shown(a[field]),
      theirs: shown(c[field]),
      clash: !same(a[field], b[field]) && !same(c[field], b[field]),
    }));
}

/** Two admins at once: the second is told, and chooses. */
export function StaleDialog({
  mine,
  before,
  theirs,
  onMine,
  onTheirs,
  onClose,
}: {
  mine: Draft;
  before: Draft;
  theirs: Client;
  onMine: () => void;
  onTheirs: () => void;
  onClose: () => void;
}) {
  const rows = differences(mine, before, theirs);
  return (
    <Modal opened onClose={onClose} size="lg" title="Somebody else changed this client">
      <Stack gap="md">
        <Text size="sm">
          It was saved while you were editing. Your changes are not saved yet. Saving them writes only the fields that
          you changed.
        </Text>
        <div className="gw-scroll" tabIndex={0} role="group" aria-label="Differences">
          <table className="gw-table">
            <thead>
              <tr>
                <th scope="col">Field</th>
                <th scope="col">Yours</th>
                <th scope="col">Saved now</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.field}>
                  <td>
                    <span className="gw-mono">{row.field}</span>
                    {row.clash && <div style={{ color: "var(--gw-near)", fontSize: "0.78rem" }}>both changed it</div>}
                  </td>
                  <td>{row.mine}</td>
                  <td>{row.theirs}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Go on editing
          </Button>
          <Button variant="default" onClick={onTheirs}>
            Drop mine, show what is saved
          </Button>
          <Button onClick={onMine}>Save my changes over it</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
