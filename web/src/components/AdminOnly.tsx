import type { ReactNode } from "react";

import { Page } from "@/components/Page";
import { Empty } from "@/components/States";
import { useIsAdmin } from "@/session/hooks";

/** A page of changes: a viewer who types its address is told why it is not there. */
export function AdminOnly({ children }: { children: ReactNode }) {
  if (useIsAdmin()) return children;
  return (
    <Page title="For admins">
      <Empty icon="key" title="Your account may look, and change nothing">
        Ask an admin for the role “admin”.
      </Empty>
    </Page>
  );
}
