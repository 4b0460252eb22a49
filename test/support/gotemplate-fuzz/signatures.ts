/**
 * What the functions take and give, in kinds that the generator knows how to make. `any…` repeats. Functions whose
 * value is random, reads the clock or depends on the order of a map are left out or wrapped by the generator.
 */
export type Kind =
  | 'any'
  | 'string'
  | 'int'
  | 'number'
  | 'bool'
  | 'list'
  | 'strings'
  | 'dict'
  | 'time'
  | 'layout'
  | 'duration'
  | 'version'
  | 'versionText'
  | 'constraint'
  | 'pattern'
  | 'replacement'
  | 'url'
  | 'json'
  | 'key'
  | 'base64'
  | 'zone'
  | 'format'
  | 'count';

export interface FunctionSignature {
  readonly name: string;
  readonly params: readonly Kind[];
  readonly rest?: Kind | undefined;
  readonly result: Kind;
}

const table = `
string: upper(string) lower(string) title(string) untitle(string) swapcase(string) trim(string) nospace(string) initials(string)
string: snakecase(string) camelcase(string) kebabcase(string) abbrev(count,string) abbrevboth(count,count,string) trunc(int,string)
string: substr(int,int,string) repeat(count,string) trimAll(string,string) trimall(string,string) trimSuffix(string,string)
string: trimPrefix(string,string) wrap(count,string) wrapWith(count,string,string) quote(any...) squote(any...) cat(any...)
string: indent(count,string) nindent(count,string) replace(string,string,string) plural(string,string,int) sha1sum(string)
string: sha256sum(string) adler32sum(string) toString(any) join(string,list) b64enc(string) b64dec(base64) b32enc(string) b32dec(base64)
string: base(string) dir(string) clean(string) ext(string) osBase(string) osDir(string) seq(count...) duration(any) durationRound(duration)
string: toJson(any) toPrettyJson(any) toRawJson(any) mustToJson(any) regexFind(pattern,string) mustRegexFind(pattern,string)
string: regexReplaceAll(pattern,string,replacement) mustRegexReplaceAll(pattern,string,replacement) regexQuoteMeta(string)
string: regexReplaceAllLiteral(pattern,string,replacement) urlJoin(dict) date(layout,time) dateInZone(layout,time,zone)
string: htmlDateInZone(time,zone) unixEpoch(time) typeOf(any) kindOf(any) print(any...) println(any...) printf(format,any...)
string: html(any...) js(any...) urlquery(any...) decryptAES(string,base64) fail(string)
bool: contains(string,string) hasPrefix(string,string) hasSuffix(string,string) empty(any) all(any...) any(any...) has(any,list)
bool: hasKey(dict,key) typeIs(string,any) typeIsLike(string,any) kindIs(string,any) deepEqual(any,any) isAbs(string)
bool: regexMatch(pattern,string) mustRegexMatch(pattern,string) semverCompare(constraint,versionText) eq(any,any) ne(any,any)
bool: lt(any,any) le(any,any) gt(any,any) ge(any,any) not(any) eq(number,number,number) lt(number,number) ge(string,string)
int: len(any) int(any) atoi(string) len(list) len(string)
number: add(any...) sub(any,any) mul(any,any...) div(any,any) mod(any,any) add1(any) max(any,any...) min(any,any...) int64(any)
number: addf(any...) subf(any,any...) mulf(any,any...) divf(any,any...) add1f(any) maxf(any,any...) minf(any,any...) float64(any)
number: floor(any) ceil(any) round(any,int) round(any,int,number) toDecimal(any) add(number,number) mul(number,number) div(number,number)
list: list(any...) tuple(any...) append(list,any) prepend(list,any) push(list,any) rest(list) initial(list) reverse(list) uniq(list)
list: without(list,any...) compact(list) slice(list,int) slice(list,int,int) mustSlice(list,int,int) concat(list,list) chunk(count,list)
list: pluck(key,dict,dict) untilStep(count,count,count) until(count) mustAppend(list,any) mustRest(list) mustUniq(list)
strings: splitList(string,string) sortAlpha(list) toStrings(list) regexFindAll(pattern,string,int) regexSplit(pattern,string,int)
strings: mustRegexFindAll(pattern,string,int) mustRegexSplit(pattern,string,int)
dict: dict(key,any,key,any) dict(any...) set(dict,key,string) set(dict,key,list) unset(dict,key) pick(dict,key,key) omit(dict,key) merge(dict,dict)
dict: mergeOverwrite(dict,dict) mustMerge(dict,dict,dict) deepCopy(dict) split(string,string) splitn(string,int,string) urlParse(url)
any: default(any,any) coalesce(any...) ternary(any,any,bool) first(list) last(list) mustFirst(list) mustLast(list) get(dict,key)
any: dig(key,any,dict) dig(key,key,any,dict) fromJson(json) mustFromJson(json) deepCopy(any) index(list,int) index(dict,key)
any: index(any,any) and(any,any...) or(any,any...) index(dict,key,key)
time: toDate(layout,string) mustToDate(layout,string) dateModify(duration,time) mustDateModify(duration,time)
version: semver(versionText)
`;

function parse(line: string): FunctionSignature[] {
  const [result = '', calls = ''] = line.split(': ');
  return calls.split(' ').map((call) => {
    const [name = '', params = ''] = call.replace(')', '').split('(');
    const kinds = params.split(',');
    const last = kinds.at(-1) ?? '';
    const rest = last.endsWith('...') ? last.slice(0, -3) : undefined;
    const fixed = rest === undefined ? kinds : kinds.slice(0, -1);
    return { name, params: fixed as Kind[], rest: rest as Kind | undefined, result: result as Kind };
  });
}

export const signatures: readonly FunctionSignature[] = table.trim().split('\n').flatMap(parse);
