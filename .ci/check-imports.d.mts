export declare function problemsOf(texts: ReadonlyMap<string, string>, others: string): readonly string[];
