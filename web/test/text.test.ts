import { describe, expect, it } from "vitest";

import { inertBlock, inertLine, pretty } from "@/lib/text";

describe("text from strangers", () => {
  it.each([
    ["<b>bold</b>", "<b>bold</b>"], // React escapes it: nothing is to be done here
    ["a\u001b[31mred", "a⟨U+001B⟩[31mred"],
    ["two\nlines", "two⟨U+000A⟩lines"],
    ["safe\u202egnp.exe", "safe⟨U+202E⟩gnp.exe"],
    ["zero\u200bwidth", "zero⟨U+200B⟩width"],
    ["nul\u0000", "nul⟨U+0000⟩"],
    ["grüße 你好 🙂", "grüße 你好 🙂"],
  ])("%j in a line is %j", (text, shown) => {
    expect(inertLine(text)).toBe(shown);
  });

  it("keeps the lines of a block", () => {
    expect(inertBlock("a\r\nb\tc\u0007")).toBe("a\nb\tc⟨U+0007⟩");
  });

  it("lays JSON out, and leaves the rest", () => {
    expect(pretty('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(pretty("data: {")).toBe("data: {");
  });
});
