import { ActionIcon, Burger, Drawer, Group, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import { Link, useLocation } from "wouter";

import type { IconName } from "@/components/Icon";
import { Icon } from "@/components/Icon";
import { Logo } from "@/components/Logo";
import { SchemeSwitch } from "@/components/SchemeSwitch";
import { notify } from "@/components/Toasts";
import { reason } from "@/api/http";
import { inertLine } from "@/lib/text";
import { Pages } from "@/Pages";
import { signOut } from "@/session/api";
import { useSession } from "@/session/hooks";

interface Place {
  href: string;
  label: string;
  icon: IconName;
  admin?: boolean;
}

const WATCH: Place[] = [
  { href: "/", label: "Dashboard", icon: "dashboard" },
  { href: "/clients", label: "Clients", icon: "clients" },
  { href: "/requests", label: "Requests", icon: "requests" },
  { href: "/usage", label: "Usage", icon: "usage" },
  { href: "/playground", label: "Playground", icon: "playground", admin: true },
  { href: "/tools", label: "Tools", icon: "tools" },
];
const GATEWAY: Place[] = [
  { href: "/settings", label: "Settings", icon: "settings" },
  { href: "/audit", label: "Audit log", icon: "audit" },
  { href: "/users", label: "Users", icon: "users" },
];

function isHere(href: string, location: string): boolean {
  return href === "/" ? location === "/" : location === href || location.startsWith(`${href}/`);
}

function Places({ places, onGo }: { places: Place[]; onGo?: () => void }) {
  const [location] = useLocation();
  const { user } = useSession();
  return (
    <ul className="gw-nav">
      {places
        .filter((place) => !place.admin || user.role === "admin")
        .map(({ href, label, icon }) => (
          <li key={href}>
            <Link href={href} onClick={onGo} aria-current={isHere(href, location) ? "page" : undefined}>
              <Icon name={icon} />
              {label}
            </Link>
          </li>
        ))}
    </ul>
  );
}

function Menu({ onGo }: { onGo?: () => void }) {
  const { user, version } = useSession();
  const leave = () => {
    signOut().catch((error: unknown) => notify(reason(error), "bad"));
  };
  return (
    <>
      <nav aria-label="Main" style={{ flex: 1 }}>
        <Places places={WATCH} onGo={onGo} />
        <div className="gw-nav-label">Gateway</div>
        <Places places={GATEWAY} onGo={onGo} />
        <div className="gw-nav-label">
          <bdi>{inertLine(user.username)}</bdi>, {user.role}
        </div>
        <Places places={[{ href: "/account", label: "Your account", icon: "account" }]} onGo={onGo} />
      </nav>
      <Group justify="space-between" p="xs" gap="xs" wrap="nowrap">
        <Group gap={6} wrap="nowrap">
          <SchemeSwitch />
          <Tooltip label="Sign out">
            <ActionIcon variant="default" size="lg" aria-label="Sign out" onClick={leave}>
              <Icon name="signout" />
            </ActionIcon>
          </Tooltip>
        </Group>
        <span className="gw-dim gw-cut" style={{ fontSize: "0.75rem" }} title={`Version ${version}`}>
          {version}
        </span>
      </Group>
    </>
  );
}

function Brand() {
  return (
    <Link href="/" className="gw-brand" aria-label="ai-gateway, dashboard">
      <Logo />
      ai-gateway
    </Link>
  );
}

export function Shell() {
  const [open, { close, toggle }] = useDisclosure(false);
  const [location] = useLocation();
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    window.scrollTo({ top: 0 }); // answers with a promise in newer browsers, which is no clean-up
  }, [location]);
  return (
    <div className="gw-layout">
      <a
        className="gw-skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header className="gw-top">
        <Brand />
        <Burger opened={open} onClick={toggle} aria-label="Menu" aria-expanded={open} size="sm" />
      </header>
      <aside className="gw-side" aria-label="Sidebar">
        <Brand />
        <Menu />
      </aside>
      <Drawer opened={open} onClose={close} title="Menu" size={280} position="right">
        <Menu onGo={close} />
      </Drawer>
      <main id="main" className="gw-main" ref={main} tabIndex={-1}>
        <Pages />
      </main>
    </div>
  );
}
