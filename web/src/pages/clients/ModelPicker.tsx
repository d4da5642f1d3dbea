import { NamePicker } from "@/components/NamePicker";

const WORDS = {
  label: "Allowed models",
  every: "Every model",
  nothing: "Nothing is picked, so every model is allowed",
  search: "Search models, or type a name or a pattern",
  placeholder: "Search, or type a name or a pattern such as gpt-5*",
  group: "Models of the provider",
  none: "Fetch the models above to pick from them, or type names.",
  noMatch: "No model has this in its name. Enter adds it all the same.",
};

interface Props {
  /** Exact names and patterns; empty: every model. */
  value: string[];
  onChange: (value: string[]) => void;
  models: readonly string[];
  error?: string | undefined;
}

/** Which models a client may use: every one, or those that are picked or match a pattern. */
export function ModelPicker({ value, onChange, models, error }: Props) {
  return <NamePicker words={WORDS} value={value} onChange={onChange} names={models} error={error} />;
}
