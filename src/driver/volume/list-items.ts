/** The items of a comma-separated list without the white space around them; one comma at the end is nobody's mistake. */
export function listItems(list: string): readonly string[] {
  const items = list.split(',').map((item) => item.trim());
  return items.length > 1 && items.at(-1) === '' ? items.slice(0, -1) : items;
}
