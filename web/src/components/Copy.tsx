import type { ButtonProps } from "@mantine/core";
import { Button } from "@mantine/core";
import { useEffect, useState } from "react";

import { Icon } from "@/components/Icon";

/** Puts text on the clipboard, also over plain HTTP, where browsers hide the clipboard's interface. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  // Inside the open dialog: its focus trap takes the focus back from anywhere else.
  const parent = document.activeElement?.closest("[role=dialog]") ?? document.body;
  parent.appendChild(area);
  const before = document.activeElement;
  area.select();
  try {
    // oxlint-disable-next-line typescript/no-deprecated -- all there is outside of secure contexts
    return document.execCommand("copy");
  } finally {
    area.remove();
    if (before instanceof HTMLElement) before.focus();
  }
}

type Told = "" | "Copied" | "Select it and press Ctrl+C";

export function Copy({ text, label = "Copy", ...props }: { text: string; label?: string } & ButtonProps) {
  const [told, setTold] = useState<Told>("");
  useEffect(() => {
    if (!told) return;
    const timer = setTimeout(() => setTold(""), 2500);
    return () => clearTimeout(timer);
  }, [told]);
  const copy = async () => setTold((await copyText(text)) ? "Copied" : "Select it and press Ctrl+C");
  return (
    <Button
      variant="default"
      size="xs"
      {...props}
      onClick={() => void copy()}
      leftSection={<Icon name={told === "Copied" ? "check" : "copy"} size={14} />}
    >
      <span aria-live="polite">{told || label}</span>
    </Button>
  );
}
