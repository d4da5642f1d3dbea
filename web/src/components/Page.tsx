import { Anchor, Group, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useEffect, useRef } from "react";
import { Link } from "wouter";

import { Icon } from "@/components/Icon";
import { inertLine } from "@/lib/text";

/** A page: its title in the tab and as the heading, which takes the focus when the page is reached. */
export function Page({
  title,
  lead,
  actions,
  back,
  badge,
  children,
}: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  back?: { href: string; label: string };
  badge?: ReactNode;
  children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const shown = inertLine(title);
  useEffect(() => {
    document.title = `${shown} · ai-gateway`;
  }, [shown]);
  useEffect(() => {
    // A dialog that is open, or a field that asked for the focus, keeps it.
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div className="gw-stack">
      <header>
        {back && (
          <Anchor component={Link} href={back.href} size="sm" style={{ display: "inline-flex", alignItems: "center", gap: 2 }}>
            <Icon name="left" size={14} />
            {back.label}
          </Anchor>
        )}
        <Group justify="space-between" align="center" gap="sm">
          <Group gap="sm" style={{ minWidth: 0 }}>
            <Title order={1} ref={heading} tabIndex={-1} style={{ outline: "none" }}>
              <bdi>{shown}</bdi>
            </Title>
            {badge}
          </Group>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
        {lead && <div className="gw-dim">{lead}</div>}
      </header>
      {children}
    </div>
  );
}

export function Card({ title, aside, children }: { title?: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="gw-card" aria-label={title}>
      {title && (
        <Group justify="space-between" mb={10} gap="xs">
          <h2 className="gw-card-title" style={{ margin: 0 }}>
            {title}
          </h2>
          {aside}
        </Group>
      )}
      {children}
    </section>
  );
}
