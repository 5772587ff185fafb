//! Assignments of a value to a name in many languages.
//!
//! Invariant: each form is one that a compiler or reader of the language accepts.

use crate::random::{Random, capital};

pub const LANGUAGES: &[&str] = &[
    "python",
    "javascript",
    "typescript",
    "go",
    "rust",
    "java",
    "csharp",
    "ruby",
    "php",
    "shell",
    "yaml",
    "toml",
    "json",
    "kotlin",
    "dockerfile",
    "ini",
    "xml",
    "terraform",
    "c",
    "swift",
];

pub fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |all, word| all + &capital(word))
}

/// One of the forms of a language. `name` is in snake case.
pub fn given(random: &mut Random, language: &str, name: &str, value: &str) -> String {
    let upper = name.to_uppercase();
    let camel = camel(name);
    let pascal = capital(&camel);
    let kebab = name.replace('_', "-");
    let forms: Vec<String> = match language {
        "python" => vec![
            format!("{name} = \"{value}\""),
            format!("{upper} = '{value}'"),
            format!("{name}: str = \"{value}\""),
            format!("config[\"{name}\"] = \"{value}\""),
            format!("client = Client({name}=\"{value}\", timeout=3)"),
            format!("settings = {{\n    '{name}': '{value}',\n}}"),
            format!("{name} = (\n    \"{value}\"\n)"),
            format!("{name} = \"{}\" \\\n    \"{}\"", &value[..value.len() / 2], &value[value.len() / 2..]),
            format!("os.environ.setdefault(\"{upper}\", \"{value}\")"),
            format!("{upper} = os.getenv(\"{upper}\", \"{value}\")"),
            format!("# {name}: {value}"),
        ],
        "javascript" => vec![
            format!("const {camel} = '{value}';"),
            format!("let {camel} = `{value}`;"),
            format!("export default {{ {camel}: '{value}' }};"),
            format!("process.env.{upper} = \"{value}\";"),
            format!("const options = {{\n  '{kebab}': '{value}',\n}};"),
            format!("client.set{pascal}('{value}');"),
            format!("const {camel} =\n  '{value}';"),
            format!("const {camel} = '{}' +\n  '{}';", &value[..value.len() / 2], &value[value.len() / 2..]),
        ],
        "typescript" => vec![
            format!("const {camel}: string = '{value}';"),
            format!("private readonly {camel} = \"{value}\";"),
            format!("  {camel}?: string = `{value}`;"),
            format!("export const config = {{ {camel}: \"{value}\" }} as const;"),
            format!("const {camel} = process.env.{upper} ?? \"{value}\";"),
        ],
        "go" => vec![
            format!("{camel} := \"{value}\""),
            format!("const {pascal} = \"{value}\""),
            format!("var {camel} string = \"{value}\""),
            format!("cfg := Config{{\n\t{pascal}: \"{value}\",\n}}"),
            format!("{camel} := `{value}`"),
            format!("os.Setenv(\"{upper}\", \"{value}\")"),
        ],
        "rust" => vec![
            format!("const {upper}: &str = \"{value}\";"),
            format!("let {name} = \"{value}\".to_owned();"),
            format!("static {upper}: &'static str = \"{value}\";"),
            format!("let {name} = String::from(\"{value}\");"),
            format!("Config {{ {name}: \"{value}\".into(), ..Default::default() }}"),
            format!("let {name}: Option<&str> = Some(\"{value}\");"),
            format!("builder.{name}(\"{value}\")"),
        ],
        "java" => vec![
            format!("private static final String {upper} = \"{value}\";"),
            format!("String {camel} = \"{value}\";"),
            format!("config.set{pascal}(\"{value}\");"),
            format!("props.put(\"{name}\", \"{value}\");"),
            format!("@Value(\"${{{name}:{value}}}\")\nprivate String {camel} = \"{value}\";"),
        ],
        "csharp" => vec![
            format!("private const string {pascal} = \"{value}\";"),
            format!("var {camel} = @\"{value}\";"),
            format!("public string {pascal} {{ get; set; }} = \"{value}\";"),
            format!("settings[\"{pascal}\"] = \"{value}\";"),
        ],
        "ruby" => vec![
            format!("{upper} = '{value}'.freeze"),
            format!("config.{name} = \"{value}\""),
            format!("{{ :{name} => '{value}' }}"),
            format!("connect({name}: '{value}')"),
        ],
        "php" => vec![
            format!("define('{upper}', '{value}');"),
            format!("$config['{name}'] = '{value}';"),
            format!("${name} = \"{value}\";"),
            format!("return [\n    '{name}' => '{value}',\n];"),
            format!("const {upper} = '{value}';"),
        ],
        "shell" => vec![
            format!("export {upper}={value}"),
            format!("{upper}=\"{value}\""),
            format!("{upper}='{value}' ./deploy.sh"),
            format!("deploy --{kebab} {value}"),
            format!("deploy --{kebab}={value} --quiet"),
        ],
        "yaml" => vec![
            format!("{name}: {value}"),
            format!("service:\n  {camel}: \"{value}\""),
            format!("environment:\n  - {upper}={value}"),
            format!("env:\n  - name: {upper}\n    value: {value}"),
            format!("{kebab}: '{value}'"),
            format!("{name}: >-\n  {value}"),
        ],
        "toml" => vec![
            format!("{name} = \"{value}\""),
            format!("[service]\n{kebab} = '{value}'"),
            format!("service = {{ {name} = \"{value}\" }}"),
        ],
        "json" => vec![
            format!("{{ \"{name}\": \"{value}\" }}"),
            format!("{{\n  \"{camel}\": \"{value}\",\n  \"port\": 80\n}}"),
            format!("{{\"name\": \"{upper}\", \"value\": \"{value}\"}}"),
            format!("\"{{\\\"{name}\\\": \\\"{value}\\\"}}\""),
        ],
        "kotlin" => vec![
            format!("const val {upper} = \"{value}\""),
            format!("val {camel}: String = \"{value}\""),
            format!("{camel} = \"{value}\","),
        ],
        "dockerfile" => vec![
            format!("ENV {upper}={value}"),
            format!("ENV {upper} {value}"),
            format!("ARG {upper}={value}"),
            format!("ENV {upper}=\"{value}\" \\\n    PORT=80"),
        ],
        "ini" => vec![
            format!("{name}={value}"),
            format!("{name} = {value}"),
            format!("[service]\nservice.{}: {value}", name.replace('_', ".")),
            format!("; {name} = {value}"),
        ],
        "xml" => vec![
            format!("<{camel}>{value}</{camel}>"),
            format!("<add key=\"{pascal}\" value=\"{value}\" />"),
            format!("<property name=\"{camel}\">{value}</property>"),
            format!("<service {camel}=\"{value}\" port=\"80\"/>"),
        ],
        "terraform" => vec![
            format!("  {name} = \"{value}\""),
            format!("variable \"{name}\" {{\n  type    = string\n  default = \"{value}\"\n}}"),
        ],
        "c" => vec![
            format!("static const char *{name} = \"{value}\";"),
            format!("#define {upper} \"{value}\""),
            format!("char {name}[] = \"{value}\";"),
            format!("const char {name}[64] = \"{value}\";"),
        ],
        _ => vec![
            format!("let {camel} = \"{value}\""),
            format!("static let {camel}: String = \"{value}\""),
            format!("Client({camel}: \"{value}\")"),
        ],
    };
    forms[random.below(forms.len())].clone()
}
