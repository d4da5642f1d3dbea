import { Checkbox, Input, NumberInput } from "@mantine/core";
import { useId, useState } from "react";

interface Props {
  label: string;
  unit: string;
  help?: string | undefined;
  /** 0 stands for unlimited, which is shown as the word. */
  value: number;
  onChange: (value: number) => void;
  error?: string | undefined;
  money?: boolean | undefined;
  suggestion?: number;
}

const MOST = Number.MAX_SAFE_INTEGER;

export function LimitInput({ label, unit, help, value, onChange, error, money, suggestion }: Props) {
  const id = useId();
  // What to go back to when "unlimited" is taken off again.
  const [last, setLast] = useState(value || suggestion || (money ? 10 : 100));
  const [limited, setLimited] = useState(value !== 0);
  const unlimited = !limited && value === 0;
  const toggle = (to: boolean) => {
    setLimited(!to);
    onChange(to ? 0 : last);
  };
  return (
    <Input.Wrapper id={id} label={label} description={help} error={error}>
      <div style={{ display: "flex", gap: 10, alignItems: "center", marginTop: 4 }}>
        <NumberInput
          id={id}
          style={{ flex: "1 1 120px", minWidth: 0 }}
          value={unlimited ? "" : value === 0 ? "" : value}
          placeholder={unlimited ? "Unlimited" : "Type a number"}
          disabled={unlimited}
          min={0}
          max={MOST}
          allowNegative={false}
          allowDecimal={money ?? false}
          decimalScale={money ? 6 : 0}
          prefix={money ? "$" : ""}
          rightSection={<span className="gw-dim">{unit}</span>}
          rightSectionWidth={74}
          rightSectionPointerEvents="none"
          error={!!error}
          onChange={(to) => {
            const number = typeof to === "number" ? to : Number(to) || 0;
            if (number > 0) setLast(number);
            onChange(number);
          }}
          onBlur={() => {
            if (value === 0) setLimited(false); // an empty field is no limit of 0
          }}
        />
        <Checkbox
          label="Unlimited"
          aria-label={`${label}: unlimited`}
          checked={unlimited}
          onChange={(event) => toggle(event.currentTarget.checked)}
        />
      </div>
    </Input.Wrapper>
  );
}
