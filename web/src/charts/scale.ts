/** The arithmetic of charts. */

/** Round steps from 0 to at least `most`: 0, 2, 4, 6 for 5. */
export function ticks(most: number, about = 3): number[] {
  if (!(most > 0)) return [0, 1];
  const rough = most / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const steps = Math.ceil(most / step - 1e-9);
  return Array.from({ length: steps + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Which of `total` places get a label, when each one takes `each` of `width` pixels. */
export function labelled(total: number, width: number, each = 64): number[] {
  const most = Math.max(1, Math.floor(width / each));
  const every = Math.max(1, Math.ceil(total / most));
  const places = [];
  for (let place = total - 1; place >= 0; place -= every) places.unshift(place);
  return places;
}
