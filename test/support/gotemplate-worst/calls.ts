import type { GoFunction, ParamType } from '../../../src/shared/gotemplate/function.ts';
import { Random } from '../random.ts';
import { argumentsFor } from './inputs.ts';

/** Functions whose cost is what they are for: they ask for slow work, of which a template gets a counted number. */
const slow: ReadonlySet<string> = new Set(['bcrypt', 'htpasswd', 'derivePassword', 'genPrivateKey']);

/** Calls of a function with more than one argument that are tried for each argument that varies. */
const choicesEach = 4;

/** Calls of a function as template text: each argument in turn is all that it can be, the others are drawn. */
export function callsOf({ name, params, variadic }: GoFunction): readonly string[] {
  if (slow.has(name)) return [];
  const types: readonly ParamType[] = variadic === undefined ? params : [...params, variadic, variadic];
  if (types.length === 0) return [name];
  const calls = new Set<string>();
  const random = new Random(name.length * 31 + name.charCodeAt(0));
  for (const [varied, type] of types.entries()) {
    const choices = argumentsFor(type);
    const times = types.length === 1 ? choices.length : Math.min(choices.length, choicesEach);
    for (let time = 0; time < times; time++) {
      const args = types.map((other, index) => {
        if (index === varied) return choices[times === choices.length ? time : random.int(0, choices.length)];
        return random.pick(argumentsFor(other));
      });
      calls.add([name, ...args].join(' '));
    }
  }
  return [...calls];
}

/** Methods, operators and the language itself on the same inputs. */
export const otherTemplates: readonly string[] = [
  '{{ $x := (semver $.version).Compare (semver $.otherVersion) }}',
  '{{ $x := (semver "1.2.3").SetPrerelease (print $.dots) }}',
  '{{ $x := semverCompare (print "^" $.version) $.otherVersion }}',
  '{{ $x := toDate $.layout $.words }}',
  '{{ $x := dateInZone $.layout now "UTC" }}',
  '{{ range $k, $v := $.map }}{{ end }}',
  '{{ range $x := $.texts }}{{ $x }}{{ end }}',
  '{{ range 100000 }}{{ end }}',
  '{{ $p := repeat 20000 "a" }}{{ contains (print $p "b" $p) (repeat 400000 "a") }}',
  '{{ $p := repeat 20000 "a" }}{{ replace (print $p "b" $p) "" (repeat 400000 "a") | len }}',
  '{{ $p := repeat 20000 "a" }}{{ splitList (print $p "b" $p) (repeat 400000 "a") | len }}',
  '{{ $x := regexReplaceAll "(?P<n>a)" $.same (repeat 2000 "${n}") }}',
  '{{ $x := regexReplaceAll (repeat 200 "(a)?") $.same "$200" }}',
  '{{ $x := regexMatch (repeat 40 "(?i)[b-\\\\x{1e942}]") "x" }}',
  '{{ $x := regexMatch "([ab]*)a([ab]{200})[cd]" $.pairs }}',
  '{{ $x := regexMatch "(a?){200}a{200}" $.same }}',
  '{{ $x := regexFindAll ".*b|a" $.same -1 }}',
  '{{ $x := regexFindAll "a*b|(a|b|c|d|e|f|g)*x|a" $.same -1 }}',
  '{{ $x := regexReplaceAll "a+?" $.nearMiss "$0$0" }}',
  '{{ $x := regexSplit "" $.letters -1 }}',
  '{{ $x := regexFind "[^\\\\x00]*\\\\x{1F389}z" $.emoji }}',
  '{{ $x := regexMatch (repeat 300 "(\\\\pL|\\\\w)") $.words }}',
  '{{ $x := regexMatch (print "^(" (repeat 2000 "a|b") ")$") $.same }}',
  '{{ $x := regexMatch (repeat 5000 "(") "" }}',
  '{{ $x := regexMatch (repeat 20000 "[a-z]") "" }}',
];
