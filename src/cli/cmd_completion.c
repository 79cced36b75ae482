/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx completion: the script that makes a shell complete sbx's words. The scripts know nothing of
 * sbx: they ask the hidden `sbx __complete`, which answers from the option tables.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/complete.h"

static const struct option_spec specs[] = { { 0 } };

static const char bash_script[] =
	"# bash completion for sbx; made by 'sbx completion bash'\n"
	"_sbx()\n"
	"{\n"
	"\tlocal IFS=$'\\n' line cur=${COMP_WORDS[COMP_CWORD]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:file) compopt -o filenames; COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n"
	"\t\t:directory) compopt -o filenames; COMPREPLY+=($(compgen -d -- \"$cur\")) ;;\n"
	"\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" \\\n"
	"\t\t2>/dev/null)\n"
	"\t[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *: ]] && compopt -o nospace\n"
	"\treturn 0\n"
	"}\n"
	"complete -F _sbx sbx\n";

static const char zsh_script[] =
	"#compdef sbx\n"
	"# zsh completion for sbx; made by 'sbx completion zsh'\n"
	"_sbx()\n"
	"{\n"
	"\tlocal line answer\n"
	"\tlocal -a candidates\n"
	"\tanswer=$(\"${words[1]}\" __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"\tfor line in \"${(@f)answer}\"; do\n"
	"\t\tcase $line in\n"
	"\t\t:file) _files ;;\n"
	"\t\t:directory) _files -/ ;;\n"
	"\t\t?*) candidates+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\t(( $#candidates )) && _describe -V sbx candidates\n"
	"}\n"
	"if [[ $funcstack[1] == _sbx ]]; then _sbx \"$@\"; else compdef _sbx sbx; fi\n";

static const char fish_script[] =
	"# fish completion for sbx; made by 'sbx completion fish'\n"
	"function __sbx_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l typed (commandline -ct)\n"
	"\tfor line in (command $words[1] __complete -- $words[2..-1] \"$typed\" 2>/dev/null)\n"
	"\t\tswitch $line\n"
	"\t\tcase :file\n"
	"\t\t\t__fish_complete_path \"$typed\"\n"
	"\t\tcase :directory\n"
	"\t\t\t__fish_complete_directories \"$typed\"\n"
	"\t\tcase '*'\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c sbx -f -a '(__sbx_complete)'\n";

static int run(const struct call *call, struct err *err)
{
	static const struct {
		const char *shell;
		const char *script;
	} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };
	const char *shell = call->operands.words.items[0];

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		if (strcmp(scripts[i].shell, shell) != 0)
			continue;
		fputs(scripts[i].script, stdout);
		return STATUS_DONE;
	}
	return command_usage(call, err, "'%s' is not bash, zsh or fish", shell);
}

static int run_complete(const struct call *call, struct err *err)
{
	complete_words(stdout, call->operands.after.items, call->operands.after.count);
	return STATUS_DONE;
}

const struct command command_completion = {
	.name = "completion",
	.synopsis = "bash|zsh|fish",
	.summary = "Prints the completion script for a shell",
	.details = "For bash: 'source <(sbx completion bash)' in ~/.bashrc.",
	.options = specs,
	.least = 1,
	.most = 1,
	.complete = { COMPLETE_SHELL, COMPLETE_NOTHING, COMPLETE_NOTHING },
	.run = run,
};

const struct command command_complete = {
	.name = "__complete",
	.synopsis = "-- WORDS...",
	.summary = "Prints completion candidates for the last word",
	.options = specs,
	.takes_after = true,
	.hidden = true,
	.run = run_complete,
};
