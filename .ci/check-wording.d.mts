export declare function problemsOf(name: string, text: string): readonly string[];
