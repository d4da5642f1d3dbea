import type { MantineColorScheme } from "@mantine/core";
import { ActionIcon, Tooltip, useMantineColorScheme } from "@mantine/core";

import type { IconName } from "@/components/Icon";
import { Icon } from "@/components/Icon";

const NEXT: Record<MantineColorScheme, { scheme: MantineColorScheme; icon: IconName; label: string }> = {
  auto: { scheme: "light", icon: "system", label: "Theme: as the system has it" },
  light: { scheme: "dark", icon: "sun", label: "Theme: light" },
  dark: { scheme: "auto", icon: "moon", label: "Theme: dark" },
};

/** System, light, dark, in turn. */
export function SchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { scheme, icon, label } = NEXT[colorScheme];
  return (
    <Tooltip label={label}>
      <ActionIcon variant="default" size="lg" aria-label={label} onClick={() => setColorScheme(scheme)}>
        <Icon name={icon} />
      </ActionIcon>
    </Tooltip>
  );
}
