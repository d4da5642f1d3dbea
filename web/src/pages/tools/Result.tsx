import type { ToolPart } from "@/api/types";
import { Block, Plain } from "@/components/Text";
import { count } from "@/lib/format";
import { pretty } from "@/lib/text";

/** Kinds that a browser draws, and that cannot run anything. */
const DRAWN = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** What a tool brought back. */
export function Result({ parts }: { parts: readonly ToolPart[] }) {
  return (
    <>
      {parts.map((part, index) => (
        <Part key={index} part={part} label={parts.length === 1 ? "What it says" : `What it says, part ${index + 1}`} />
      ))}
    </>
  );
}

function Part({ part, label }: { part: ToolPart; label: string }) {
  if (part.text !== null && part.text !== undefined) return <Block text={pretty(part.text)} label={label} />;
  const { data, media_type: kind } = part;
  if (data && kind && DRAWN.has(kind)) {
    return <img src={`data:${kind};base64,${data}`} alt={`What it says: an image (${kind})`} style={{ maxWidth: "100%", borderRadius: 8 }} />;
  }
  const size = data ? `, ${count(Math.floor((data.length * 3) / 4))} bytes` : "";
  return (
    <span className="gw-dim">
      A file for the model: <Plain text={kind ?? part.type} mono />
      {size}
      {part.url && (
        <>
          {" "}
          at <Plain text={part.url} mono />
        </>
      )}
    </span>
  );
}
