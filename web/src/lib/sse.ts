/** Server-sent events out of a stream of text, however it is cut. */

export class EventReader {
  private pending = "";

  /** The `data` of each event that `chunk` completes. */
  feed(chunk: string): string[] {
    this.pending += chunk;
    const events: string[] = [];
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.pending);
      if (!end) return events;
      const data = dataOf(this.pending.slice(0, end.index));
      this.pending = this.pending.slice(end.index + end[0].length);
      if (data !== null) events.push(data);
    }
  }
}

function dataOf(event: string): string | null {
  const lines = event
    .split(/\r?\n/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).replace(/^ /, ""));
  return lines.length > 0 ? lines.join("\n") : null;
}
