"""Run in the environment that has vLLM: parse command lines with vLLM's own parser, and print what it made of each."""

import json
import shlex
import sys

from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
from vllm.utils.argparse_utils import FlexibleArgumentParser


def main() -> None:
    for line in sys.stdin:
        args = make_arg_parser(FlexibleArgumentParser()).parse_args(shlex.split(line))
        validate_parsed_serve_args(args)
        told = {"model": args.model, "max_model_len": args.max_model_len, "parser": args.tool_call_parser}
        print("parsed", json.dumps(told))  # noqa: T201  this is its answer


if __name__ == "__main__":
    main()
