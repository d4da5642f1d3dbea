// @vitest-environment happy-dom
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { useState } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";

import { Crash } from "@/components/Crash";
import { LimitInput } from "@/components/LimitInput";
import { LimitMeter } from "@/components/Meter";
import { SecretInput } from "@/components/SecretInput";
import { Cost, Plain } from "@/components/Text";
import { onDemand } from "@/lib/onDemand";
import { useSave } from "@/lib/useSave";
import { ProviderSelect } from "@/pages/clients/BackendFields";
import { ModelPicker } from "@/pages/clients/ModelPicker";

afterEach(() => cleanup());

function show(what: ReactNode) {
  return render(<MantineProvider env="test">{what}</MantineProvider>);
}

describe("unlimited", () => {
  function Limit({ start, told }: { start: number; told: (value: number) => void }) {
    const [value, setValue] = useState(start);
    const change = (next: number) => {
      setValue(next);
      told(next);
    };
    return <LimitInput label="Requests a minute" unit="per min" value={value} onChange={change} />;
  }

  it("is a word, and comes back to the number that was there", async () => {
    const told: number[] = [];
    show(<Limit start={60} told={(value) => told.push(value)} />);
    const box = screen.getByRole("checkbox", { name: "Requests a minute: unlimited" });
    await userEvent.click(box);
    expect(screen.getByPlaceholderText("Unlimited")).toHaveProperty("disabled", true);
    await userEvent.click(box);
    expect(told).toEqual([0, 60]);
  });
});

describe("a stored credential", () => {
  it("is kept while nothing is typed, replaced by what is, and removed by a button", async () => {
    const told: (string | undefined)[] = [];
    show(<SecretInput label="Credential" stored value={undefined} onChange={(value) => told.push(value)} />);
    await userEvent.type(screen.getByLabelText("Credential"), "k");
    await userEvent.click(screen.getByRole("button", { name: "Remove the stored credential" }));
    expect(told).toEqual(["k", ""]);
  });
});

describe("what is shown", () => {
  it("never takes an unknown price for $0", () => {
    show(<Cost usd={null} />);
    expect(screen.getByText("unpriced")).toBeTruthy();
  });

  it("makes nothing of HTML in a name", () => {
    show(<Plain text="<img src=x onerror=alert(1)>" />);
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByText("<img src=x onerror=alert(1)>")).toBeTruthy();
  });

  it("says a limit to a screen reader", () => {
    show(<LimitMeter limit={{ name: "quota_requests_day", limit: 60, used: 60, held: 0, remaining: 0, resets_in_s: 60 }} />);
    expect(screen.getByRole("meter", { name: "Requests today: 60 of 60 requests" })).toBeTruthy();
    expect(screen.getByText("reached:")).toBeTruthy();
  });
});

describe("the whitelist", () => {
  function Picker() {
    const [value, setValue] = useState<string[]>([]);
    return (
      <>
        <ModelPicker value={value} onChange={setValue} models={["gpt-4o", "gpt-4o-mini", "o3"]} />
        <output>{value.join(" ")}</output>
      </>
    );
  }

  it("is picked by search and by pattern, without sending the form", async () => {
    show(<Picker />);
    await userEvent.click(screen.getByRole("radio", { name: "Only these" }));
    const search = screen.getByRole("textbox", { name: /Search models/ });
    await userEvent.type(search, "o3");
    await userEvent.click(screen.getByRole("checkbox", { name: "o3" }));
    await userEvent.clear(search);
    await userEvent.type(search, "gpt-4*{enter}");
    expect(document.querySelector("output")?.textContent).toBe("o3 gpt-4*");
    expect(screen.getByRole("checkbox", { name: /gpt-4o-mini/ })).toHaveProperty("checked", true);
  });
});

describe("saving", () => {
  function Form({ work }: { work: () => Promise<void> }) {
    const { save, busy } = useSave();
    return (
      <button onClick={() => void save(work)} disabled={busy}>
        Save
      </button>
    );
  }

  it("runs once for a double click", async () => {
    let runs = 0;
    const work = async () => {
      runs += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    show(<Form work={work} />);
    const button = screen.getByRole("button");
    button.click();
    button.click();
    await screen.findByRole("button", { name: "Save" });
    expect(runs).toBe(1);
  });
});

describe("a page that is loaded when it is opened", () => {
  function Greeting({ name }: { name: string }) {
    return <p>Hello {name}</p>;
  }

  it("is there at once when it is opened again", async () => {
    const load = vi.fn(() => Promise.resolve({ default: Greeting }));
    const Opened = onDemand(load);
    const { unmount } = show(<Opened name="Ann" />);
    expect(screen.getByLabelText("Loading")).toBeTruthy();
    await screen.findByText("Hello Ann");
    unmount();
    show(<Opened name="Bob" />);
    expect(screen.getByText("Hello Bob")).toBeTruthy();
    expect(load).toHaveBeenCalledTimes(1);
  });

  it("says that it is not there, and is looked for again", async () => {
    const quiet = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const load = vi.fn(() => Promise.resolve({ default: Greeting }));
    load.mockRejectedValueOnce(new TypeError("Failed to fetch dynamically imported module"));
    const Opened = onDemand(load);
    const page = (
      <Crash>
        <Opened name="Ann" />
      </Crash>
    );
    const { unmount } = show(page);
    await screen.findByText("This page could not be shown");
    unmount();
    show(page);
    await screen.findByText("Hello Ann");
    quiet.mockRestore();
  });
});

describe("the provider", () => {
  const PROVIDERS = ["Anthropic", "Echo", "OpenAI"].map((title) => ({
    name: title.toLowerCase(),
    title,
    base_url: "",
    base_url_required: false,
    key_required: false,
    dialects: [],
    builtin: false,
  }));

  function Picker({ start }: { start: string }) {
    const [value, setValue] = useState(start);
    return (
      <>
        <ProviderSelect value={value} onChange={setValue} providers={PROVIDERS} />
        <output>{value || "none"}</output>
      </>
    );
  }

  it.each([
    ["", "ech", "echo"],
    ["", "Echo", "echo"],
    ["echo", "Echo", "echo"],
    ["echo", "Ech", "echo"],
    ["echo", "", "echo"],
  ])("from %j, with %j typed and Enter, is %s", async (start, typed, then) => {
    show(<Picker start={start} />);
    const box = screen.getByRole("combobox", { name: "Provider" });
    await userEvent.click(box);
    await userEvent.clear(box);
    if (typed) await userEvent.type(box, typed, { skipClick: true });
    await userEvent.keyboard("{Enter}");
    expect(screen.getByRole("status").textContent).toBe(then);
  });
});
