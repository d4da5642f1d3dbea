import type { CSSVariablesResolver } from "@mantine/core";
import { Anchor, Badge, Button, createTheme, Drawer, Loader, Modal, NumberInput, Table, Tooltip } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: { light: 8, dark: 8 },
  defaultRadius: "md",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.125rem" }, h3: { fontSize: "1rem" } } },
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    Anchor: Anchor.extend({ defaultProps: { underline: "hover" } }),
    Badge: Badge.extend({ defaultProps: { radius: "sm", variant: "light" }, styles: { root: { textTransform: "none", fontWeight: 600 } } }),
    Button: Button.extend({ defaultProps: { size: "sm" } }),
    Modal: Modal.extend({ defaultProps: { centered: true, closeButtonProps: { "aria-label": "Close" } } }),
    Drawer: Drawer.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
    NumberInput: NumberInput.extend({ defaultProps: { thousandSeparator: ",", hideControls: true } }),
    Loader: Loader.extend({ defaultProps: { type: "dots" } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: "xs" } }),
    Tooltip: Tooltip.extend({ defaultProps: { events: { hover: true, focus: true, touch: true } } }),
  },
});

/** Contrast of 4.5:1 and better for everything that is read (WCAG 2.2 AA). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f7f8fa",
    "--mantine-color-dimmed": "#545b66",
    "--mantine-color-placeholder": "#646b76",
    "--mantine-color-error": "#c01c28",
    "--gw-surface": "#ffffff",
    "--gw-line": "#e3e6ea",
    "--gw-soft": "#f1f3f6",
    "--gw-ok": "#2b7a3d",
    "--gw-near": "#a15c00",
    "--gw-bad": "#c01c28",
    "--gw-chart-1": "#3b5bdb",
    "--gw-chart-2": "#0b7f8c",
    "--gw-chart-bad": "#d6303c",
  },
  dark: {
    "--mantine-color-body": "#14161a",
    "--mantine-color-text": "#dfe2e7",
    "--mantine-color-dimmed": "#a3abb8",
    "--mantine-color-placeholder": "#99a1ae",
    "--mantine-color-error": "#ff8f8f",
    "--gw-surface": "#1b1e24",
    "--gw-line": "#2d323b",
    "--gw-soft": "#23272f",
    "--gw-ok": "#69c97e",
    "--gw-near": "#f0b04f",
    "--gw-bad": "#ff8f8f",
    "--gw-chart-1": "#8ea2ff",
    "--gw-chart-2": "#4fc7d3",
    "--gw-chart-bad": "#ff7b7b",
  },
});
