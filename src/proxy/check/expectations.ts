import type { ProxyErrorKind } from '../proxy-error.ts';
import { CodedError } from '../../shared/errors.ts';
import { UsageError } from '../../shared/process/flags.ts';
import type { Answer } from './decision-trace.ts';
import type { Question } from './question.ts';
import { named, parseAskedClient, parseAskedConnectors, parseAskedRequest, wordsOf } from './question.ts';

/** One line of a table of expectations: `allow|deny CONNECTOR ACCOUNT METHOD PATH`. */
export interface Expectation {
  /** From 1. */
  readonly line: number;
  /** The line without its comment. */
  readonly text: string;
  readonly expected: 'allow' | 'deny';
  readonly question: Question;
}

/** The answer for one line. `--output json` prints a list of them; docs/rules.md describes it. */
export interface Outcome {
  readonly line: number;
  readonly expected: 'allow' | 'deny';
  readonly isMet: boolean;
  readonly answer: Answer;
}

/** Reported malformed lines. */
const maxProblems = 20;

/** Responses that deny a request. Others, such as that of a missing Connector, meet no expectation. */
const denials: ReadonlySet<ProxyErrorKind> = new Set(['denied', 'denied_by_rule', 'blocked_address', 'malformed']);

/**
 * Parses a table of expectations. A word that begins with `#` begins a comment.
 * @param name of the file, for messages.
 * @throws {CodedError} INVALID_ARGUMENT with each malformed line, or without any line.
 */
export function parseExpectations(text: string, name: string): readonly Expectation[] {
  const parsed = text.split('\n').flatMap((written, index) => {
    const words = wordsOf(written);
    const comment = words.findIndex((word) => word.startsWith('#'));
    const content = comment === -1 ? words : words.slice(0, comment);
    return content.length === 0 ? [] : [parseLine(content, index + 1, name)];
  });
  const problems = parsed.filter((line) => typeof line === 'string');
  if (parsed.length === 0) problems.push(`${name} has no line "allow|deny CONNECTOR ACCOUNT METHOD PATH"`);
  if (problems.length > 0) throw new CodedError('INVALID_ARGUMENT', problems.slice(0, maxProblems).join('; '));
  return parsed.filter((line) => typeof line !== 'string');
}

/** Compares the answer for a line with its expectation. A request without a Connector meets none. */
export function outcomeOf({ line, expected }: Expectation, answer: Answer): Outcome {
  const { response, connector } = answer;
  const isMet =
    expected === 'allow' ? answer.passes && connector !== null : response !== null && denials.has(response.reason);
  return { line, expected, isMet, answer };
}

/** Returns a line for an expectation that is not met: where it is, and what decided. */
export function describeUnmet(name: string, { line, text }: Expectation, { answer }: Outcome): string {
  const { steps } = answer;
  const decisive =
    steps.find(({ level }) => level === 'fail') ??
    steps.find(({ step, level }) => step === 'connector' && level === 'warn') ??
    steps.find(({ step }) => step === 'rules');
  const reason = `${decisive?.step ?? 'permission'}: ${decisive?.text ?? ''}`;
  return `${name}:${line}: ${text}: ${answer.passes ? `passes, ${reason}` : reason}\n`;
}

/** @returns the mistake of a malformed line as text. */
function parseLine(words: readonly string[], line: number, name: string): Expectation | string {
  const [expected, connectors = '', account = '', ...request] = words;
  try {
    if (expected !== 'allow' && expected !== 'deny') throw new UsageError('must begin with allow or deny');
    const client = named('account', account, () => parseAskedClient(account));
    const question = {
      client,
      connectors: named('connector', connectors, () => parseAskedConnectors(connectors, client)),
      request: named('request', request.join(' '), () => parseAskedRequest(request)),
      // Tables are checked where Secrets are absent.
      needsCredential: false,
    };
    if (question.connectors.length > 1 && question.request.target.startsWith('/')) {
      throw new UsageError('has a path with several connectors: write a URL, or name one connector');
    }
    return { line, text: words.join(' '), expected, question };
  } catch (error) {
    if (error instanceof UsageError) return `${name}:${line}: ${error.message}`;
    throw error;
  }
}
