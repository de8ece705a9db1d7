/** The rhythm of usage: the hours of the day and the days of the week. */

/** Weight of each UTC hour and of each weekday (from Sunday). Both average 1. */
const hourWeights = [
  0.35, 0.3, 0.28, 0.28, 0.32, 0.45, 0.7, 1.05, 1.45, 1.7, 1.8, 1.75, 1.55, 1.65, 1.8, 1.75, 1.55, 1.25, 1, 0.85, 0.75,
  0.62, 0.5, 0.4,
].map((weight, _, all) => (weight * 24) / all.reduce((sum, each) => sum + each, 0));
const weekdayWeights = [0.45, 1.15, 1.25, 1.3, 1.25, 1.1, 0.5];

/** Usage of an hour, counted from the epoch, against the average. */
export function rhythmOf(hour: number): number {
  const day = Math.floor(hour / 24);
  // The epoch was a Thursday.
  return (hourWeights[hour - day * 24] ?? 1) * (weekdayWeights[(day + 4) % 7] ?? 1);
}
