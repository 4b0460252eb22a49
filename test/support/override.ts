/** The object with some of its methods replaced; all others are still its own. */
export function override<T extends object>(target: T, replaced: Partial<T>): T {
  return new Proxy(target, {
    get(object, key) {
      if (Object.hasOwn(replaced, key)) return Reflect.get(replaced, key) as unknown;
      const member: unknown = Reflect.get(object, key);
      return typeof member === 'function' ? (member.bind(object) as unknown) : member;
    },
  });
}
