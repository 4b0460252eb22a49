/** Spreads the small numbers that name the cases over all states of the generator of random numbers. */
export function seedOf(number: number): number {
  return number * 2_654_435_761;
}
