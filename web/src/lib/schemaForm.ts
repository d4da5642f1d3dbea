/** A form made from a JSON Schema: one field for each argument, plain ones by kind, the others as JSON. */

export type Kind = "text" | "number" | "integer" | "boolean" | "choice" | "json";

export interface Field {
  name: string;
  kind: Kind;
  required: boolean;
  description: string;
  /** Of a choice: what may be picked, as JSON. */
  options: readonly string[];
  /** What the schema says it is where nothing is given, as the field would hold it. */
  fallback: string;
}

type Schema = Record<string, unknown>;

/** The fields, or null where the schema has no plain list of arguments. */
export function fieldsOf(schema: Schema): Field[] | null {
  const properties = schema["properties"];
  if (!isObject(properties)) return plainKeys(schema) ? [] : null;
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return Object.entries(properties).map(([name, value]) => field(name, isObject(value) ? value : {}, required.includes(name)));
}

const PLAIN = new Set(["type", "properties", "required", "additionalProperties", "title", "description", "$schema", "$id"]);

function plainKeys(schema: Schema): boolean {
  return Object.keys(schema).every((key) => PLAIN.has(key)) && !isObject(schema["additionalProperties"]);
}

function field(name: string, schema: Schema, required: boolean): Field {
  const own = withoutNull(schema);
  const options = choices(own);
  const kind = options.length > 0 ? "choice" : kindOf(own);
  const fallback = schema["default"];
  const text = typeof schema["description"] === "string" ? schema["description"] : own["description"];
  return {
    name,
    kind,
    required,
    description: typeof text === "string" ? text : "",
    options,
    fallback: fallback === undefined || fallback === null ? "" : told(kind, fallback),
  };
}

function told(kind: Kind, value: unknown): string {
  return kind === "text" && typeof value === "string" ? value : JSON.stringify(value);
}

/** The kind beside `null`, where there is exactly one. */
function withoutNull(schema: Schema): Schema {
  const either = schema["anyOf"] ?? schema["oneOf"];
  if (!Array.isArray(either)) return schema;
  const rest = either.filter((each) => isObject(each) && each["type"] !== "null") as Schema[];
  return rest.length === 1 && rest[0] !== undefined ? rest[0] : schema;
}

function choices(schema: Schema): string[] {
  const values: unknown = schema["enum"] ?? ("const" in schema ? [schema["const"]] : []);
  return Array.isArray(values) ? values.filter((value) => value !== null).map((value) => JSON.stringify(value)) : [];
}

function kindOf(schema: Schema): Kind {
  const type = schema["type"];
  const types = (Array.isArray(type) ? (type as unknown[]) : [type]).filter((each) => each !== "null");
  const [only] = types;
  if (types.length !== 1) return "json";
  if (only === "string") return "text";
  if (only === "number" || only === "integer" || only === "boolean") return only;
  return "json";
}

export interface Read {
  args: Record<string, unknown>;
  errors: Record<string, string>;
}

/** The arguments that a form's texts stand for; a field that is left empty is not given. */
export function read(fields: readonly Field[], texts: Readonly<Record<string, string>>): Read {
  const args: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  for (const each of fields) {
    const text = texts[each.name] ?? "";
    if (text.trim() === "") {
      if (each.required && each.kind === "text") args[each.name] = text;
      else if (each.required) errors[each.name] = "Needed";
      continue;
    }
    try {
      args[each.name] = valueOf(each.kind, text);
    } catch (error) {
      errors[each.name] = error instanceof Error ? error.message : "Not a value";
    }
  }
  return { args, errors };
}

function valueOf(kind: Kind, text: string): unknown {
  if (kind === "text") return text;
  if (kind === "number" || kind === "integer") {
    const value = Number(text);
    if (!Number.isFinite(value)) throw new Error("A number");
    if (kind === "integer" && !Number.isInteger(value)) throw new Error("A whole number");
    return value;
  }
  return parsed(text);
}

/** All arguments at once. */
export function readObject(text: string): Read {
  try {
    const value = parsed(text.trim() || "{}");
    return isObject(value) ? { args: value, errors: {} } : { args: {}, errors: { "": "An object: {...}" } };
  } catch (error) {
    return { args: {}, errors: { "": error instanceof Error ? error.message : "Not JSON" } };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error("Not valid JSON");
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
