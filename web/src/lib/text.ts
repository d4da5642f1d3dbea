/** Text from strangers, made inert: what would act on the page or hide in it becomes visible. */

// Controls, and the characters that turn or hide what stands beside them.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
// The same, but lines may break: for model output and bodies.
const HIDDEN_IN_BLOCK = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g;

function shown(character: string): string {
  const code = character.charCodeAt(0);
  return `\u27e8U+${code.toString(16).toUpperCase().padStart(4, "0")}\u27e9`;
}

/** One line. */
export function inertLine(text: string): string {
  return text.replace(HIDDEN, shown);
}

/** Several lines: line feeds and tabs stay. */
export function inertBlock(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(HIDDEN_IN_BLOCK, shown);
}

/** JSON laid out; anything else as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
