import type ts from 'typescript';
import type * as yaml from 'yaml';

interface Problem {
  readonly line: number;
  readonly text: string;
}

export interface PageReport {
  readonly problems: readonly Problem[];
  readonly sentences: number;
  readonly long: readonly Problem[];
}

export declare function wordsIn(sentence: string): readonly { readonly found: string; readonly use: string }[];
export declare function sentencesOf(prose: string): readonly string[];
export declare function checkPage(page: string): PageReport;
export declare function longSubjects(root: string, since?: string): readonly string[];
export declare function proseOfSource(compiler: typeof ts, text: string): readonly Problem[];
export declare function proseOfComments(text: string): readonly Problem[];
export declare function proseOfData(library: typeof yaml, text: string): readonly Problem[];
