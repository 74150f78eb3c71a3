"""The tokenizer classes of transformers: their defaults, and what they set over ``tokenizer.json``.

A class is applied as transformers 4.57 does: it takes the tokenizer of ``tokenizer.json`` and sets a few
properties of its components. Version 5 rebuilds the tokenizer of many classes from the vocabulary
instead. A default that only one of the two versions applies is left out, so that ``tokenizer.json``
decides.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

# The keys of special tokens, in the order in which transformers adds missing ones to the vocabulary.
SPECIAL_TOKENS: Final = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


class TokenizerClass(NamedTuple):
    """A tokenizer class.

    Attributes:
        tokens: its special tokens, for keys that no file has.
        normalized: keys of special tokens that are searched in normalized text if they are given as
            strings, because the class makes an `AddedToken` of them.
        mask: arguments of the `AddedToken` that the class makes of a mask token given as a string.
        additional: its tokens for a missing ``additional_special_tokens``.
        extra_ids: whether it adds the tokens ``<extra_id_0>``, ``<extra_id_1>`` and so on.
        normalizer: keys that set a property of a `BertNormalizer`.
        defaults: values of the keys of `normalizer` and of ``add_prefix_space`` that no file has.
        post_processor: whether ``trim_offsets`` and ``add_prefix_space`` set its properties.
        template: whether ``add_bos_token`` and ``add_eos_token`` replace the post-processor.
        prefix: whether the class converts the vocabulary again for a given ``add_prefix_space``.
        language: the language of a missing ``src_lang``, whose code is among the special tokens.
        python: whether it splits words with a Python package, which ``tokenizer.json`` cannot express.
        type_ids: whether a model gets token type ids, if no ``model_input_names`` says so.
        padding_side: the default side of padding.
    """

    tokens: Mapping[str, str] = MappingProxyType({})
    normalized: tuple[str, ...] = ()
    mask: Mapping[str, bool] | None = None
    additional: tuple[str, ...] = ()
    extra_ids: bool = False
    normalizer: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = MappingProxyType({})
    post_processor: bool = False
    template: Literal["never", "if given", "always"] = "never"
    prefix: bool = False
    language: str | None = None
    python: bool = False
    type_ids: bool = True
    padding_side: str = "right"


def _tokens(words: str) -> Mapping[str, str]:
    """Return special tokens from words such as ``cls=[CLS]``."""
    pairs = (word.split("=", 1) for word in words.split())
    return {f"{name}_token": token for name, token in pairs}


_CASE: Final = {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True}
_NO_PREFIX: Final = {"add_prefix_space": False}
_STRIPS_LEFT: Final = {"lstrip": True}
_STRIPS_LEFT_EXACT: Final = {"lstrip": True, "normalized": False}
_ALL_BUT_MASK = tuple(name for name in SPECIAL_TOKENS if name != "mask_token")

_BERT = TokenizerClass(
    tokens=_tokens("unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK]"),
    normalizer=tuple(_CASE),
    defaults=_CASE,
)
_ANGLES = _tokens("bos=<s> eos=</s> unk=<unk> sep=</s> pad=<pad> cls=<s> mask=<mask>")
_ROBERTA = TokenizerClass(
    tokens=_ANGLES,
    mask=_STRIPS_LEFT_EXACT,
    defaults=_NO_PREFIX,
    post_processor=True,
    type_ids=False,
)
_BART = _ROBERTA._replace(mask=_STRIPS_LEFT)
_XLM_ROBERTA = TokenizerClass(tokens=_ANGLES, mask=_STRIPS_LEFT, type_ids=False)
_GPT2 = TokenizerClass(
    tokens=_tokens("bos=<|endoftext|> eos=<|endoftext|> unk=<|endoftext|>"),
    defaults=_NO_PREFIX,
    type_ids=False,
)
_LLAMA = TokenizerClass(
    tokens=_tokens("bos=<s> eos=</s> unk=<unk>"), template="if given", prefix=True, type_ids=False
)
_T5 = TokenizerClass(tokens=_tokens("eos=</s> unk=<unk> pad=<pad>"), prefix=True, type_ids=False)
_BRACKETS = _tokens(
    "bos=[CLS] eos=[SEP] unk=[UNK] sep=[SEP] pad=[PAD] cls=[CLS] mask=[MASK]",
)
_ALBERT_TOKENS = _tokens("bos=[CLS] eos=[SEP] unk=<unk> sep=[SEP] pad=<pad> cls=[CLS] mask=[MASK]")
_XLNET = TokenizerClass(
    tokens=_tokens("bos=<s> eos=</s> unk=<unk> sep=<sep> pad=<pad> cls=<cls> mask=<mask>"),
    mask=_STRIPS_LEFT,
    additional=("<eop>", "<eod>"),
    padding_side="left",
)

# The classes, without "Fast" at the end of the name.
_CLASSES: Final[Mapping[str, TokenizerClass]] = {
    **dict.fromkeys(
        (
            "BertTokenizer",
            "DPRContextEncoderTokenizer",
            "DPRQuestionEncoderTokenizer",
            "DPRReaderTokenizer",
            "ElectraTokenizer",
            "LayoutLMTokenizer",
            "LxmertTokenizer",
            "MobileBertTokenizer",
            "SqueezeBertTokenizer",
        ),
        _BERT,
    ),
    "DistilBertTokenizer": _BERT._replace(type_ids=False),
    # Version 5 has no such classes, and reads their files as any tokenizer.json.
    "ConvBertTokenizer": _BERT._replace(defaults={}),
    "RetriBertTokenizer": _BERT._replace(defaults={}),
    "FunnelTokenizer": _BERT._replace(
        tokens=_tokens("bos=<s> eos=</s> unk=<unk> sep=<sep> pad=<pad> cls=<cls> mask=<mask>"),
    ),
    "MPNetTokenizer": _BERT._replace(
        type_ids=False,
        tokens={**_ANGLES, "unk_token": "[UNK]"},
        normalized=_ALL_BUT_MASK,
        mask=_STRIPS_LEFT,
        normalizer=("do_lower_case", "strip_accents"),
    ),
    "SplinterTokenizer": _BERT._replace(
        additional=("[QUESTION]",), normalizer=("do_lower_case", "strip_accents")
    ),
    "RoFormerTokenizer": _BERT._replace(python=True),
    "BertJapaneseTokenizer": _BERT._replace(python=True),
    "RobertaTokenizer": _ROBERTA,
    "LongformerTokenizer": _ROBERTA,
    # Version 5 adds a space by default.
    "BlenderbotTokenizer": _ROBERTA._replace(defaults={}),
    "BartTokenizer": _BART,
    "LEDTokenizer": _BART,
    "MvpTokenizer": _BART._replace(normalized=_ALL_BUT_MASK),
    "DebertaTokenizer": TokenizerClass(tokens=_BRACKETS, defaults=_NO_PREFIX),
    "GPT2Tokenizer": _GPT2,
    "CodeGenTokenizer": _GPT2,
    "Qwen2Tokenizer": _GPT2._replace(
        tokens=_tokens("eos=<|endoftext|> unk=<|endoftext|> pad=<|endoftext|>")
    ),
    "GPTNeoXTokenizer": _GPT2._replace(template="always"),
    "BloomTokenizer": TokenizerClass(
        type_ids=False, tokens=_tokens("bos=<s> eos=</s> unk=<unk> pad=<pad>")
    ),
    "LlamaTokenizer": _LLAMA,
    "CodeLlamaTokenizer": _LLAMA._replace(prefix=False),
    "GemmaTokenizer": _LLAMA._replace(
        tokens=_tokens("bos=<bos> eos=<eos> unk=<unk> pad=<pad>"), prefix=False, type_ids=True
    ),
    "CohereTokenizer": _LLAMA._replace(
        tokens=_tokens("bos=<BOS_TOKEN> eos=<|END_OF_TURN_TOKEN|> unk=<UNK>"),
        prefix=False,
        padding_side="left",
    ),
    "XLMRobertaTokenizer": _XLM_ROBERTA,
    "BarthezTokenizer": _XLM_ROBERTA,
    "CamembertTokenizer": _XLM_ROBERTA._replace(
        mask=_STRIPS_LEFT_EXACT,
        additional=("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"),
    ),
    "MBartTokenizer": _XLM_ROBERTA._replace(language="en_XX"),
    "MBart50Tokenizer": _XLM_ROBERTA._replace(language="en_XX"),
    "NllbTokenizer": _XLM_ROBERTA._replace(language="eng_Latn"),
    "AlbertTokenizer": TokenizerClass(tokens=_ALBERT_TOKENS, mask=_STRIPS_LEFT_EXACT),
    "RemBertTokenizer": TokenizerClass(tokens=_ALBERT_TOKENS, mask=_STRIPS_LEFT),
    "DebertaV2Tokenizer": TokenizerClass(tokens=_BRACKETS),
    "BigBirdTokenizer": TokenizerClass(
        type_ids=False,
        tokens=_tokens("bos=<s> eos=</s> unk=<unk> sep=[SEP] pad=<pad> cls=[CLS] mask=[MASK]"),
        normalized=_ALL_BUT_MASK,
        mask=_STRIPS_LEFT,
    ),
    "FNetTokenizer": TokenizerClass(
        tokens=_tokens("unk=<unk> sep=[SEP] pad=<pad> cls=[CLS] mask=[MASK]"),
        normalized=("sep_token", "cls_token"),
        mask=_STRIPS_LEFT,
    ),
    "XLNetTokenizer": _XLNET,
    "CpmTokenizer": _XLNET._replace(python=True),
    "T5Tokenizer": _T5._replace(extra_ids=True),
    # Version 5 adds no such tokens.
    "MT5Tokenizer": _T5,
    "HerbertTokenizer": TokenizerClass(
        tokens=_tokens("unk=<unk> sep=</s> pad=<pad> cls=<s> mask=<mask>")
    ),
    "OpenAIGPTTokenizer": TokenizerClass(type_ids=False, tokens=_tokens("unk=<unk>")),
    "ReformerTokenizer": TokenizerClass(type_ids=False, tokens=_tokens("eos=</s> unk=<unk>")),
}

# The class of a model type if no file names one, in both versions.
_CLASS_OF_MODEL_TYPE: Final[Mapping[str, str]] = {
    "albert": "AlbertTokenizer",
    "bart": "BartTokenizer",
    "barthez": "BarthezTokenizer",
    "bert": "BertTokenizer",
    "big_bird": "BigBirdTokenizer",
    "camembert": "CamembertTokenizer",
    "convbert": "BertTokenizer",
    "data2vec-text": "RobertaTokenizer",
    "deberta": "DebertaTokenizer",
    "deberta-v2": "DebertaV2Tokenizer",
    "distilbert": "DistilBertTokenizer",
    "dpr": "DPRQuestionEncoderTokenizer",
    "electra": "ElectraTokenizer",
    "ernie": "BertTokenizer",
    "fnet": "FNetTokenizer",
    "funnel": "FunnelTokenizer",
    "gpt2": "GPT2Tokenizer",
    "gpt_neo": "GPT2Tokenizer",
    "gpt_neox": "GPTNeoXTokenizer",
    "gptj": "GPT2Tokenizer",
    "herbert": "HerbertTokenizer",
    "ibert": "RobertaTokenizer",
    "layoutlm": "LayoutLMTokenizer",
    "led": "LEDTokenizer",
    "longformer": "LongformerTokenizer",
    "lxmert": "LxmertTokenizer",
    "mbart": "MBartTokenizer",
    "mbart50": "MBart50Tokenizer",
    "megatron-bert": "BertTokenizer",
    "mobilebert": "MobileBertTokenizer",
    "mpnet": "MPNetTokenizer",
    "mt5": "MT5Tokenizer",
    "mvp": "MvpTokenizer",
    "nezha": "BertTokenizer",
    "nllb": "NllbTokenizer",
    "qwen2": "Qwen2Tokenizer",
    "qwen3": "Qwen2Tokenizer",
    "rembert": "RemBertTokenizer",
    "roberta": "RobertaTokenizer",
    "roberta-prelayernorm": "RobertaTokenizer",
    "roformer": "RoFormerTokenizer",
    "splinter": "SplinterTokenizer",
    "squeezebert": "SqueezeBertTokenizer",
    "t5": "T5Tokenizer",
    "xlm-roberta": "XLMRobertaTokenizer",
    "xlm-roberta-xl": "XLMRobertaTokenizer",
    "xlnet": "XLNetTokenizer",
    "xmod": "XLMRobertaTokenizer",
}
_GENERIC = TokenizerClass()


def tokenizer_class(
    tokenizer_config: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[str | None, TokenizerClass]:
    """Return the name and the properties of a model's tokenizer class.

    A name that is not known, such as ``PreTrainedTokenizerFast``, is a class without properties.

    Args:
        tokenizer_config: content of ``tokenizer_config.json``.
        config: content of ``config.json``.
    """
    name = tokenizer_config.get("tokenizer_class") or config.get("tokenizer_class")
    if not isinstance(name, str):
        model_type = config.get("model_type")
        name = _CLASS_OF_MODEL_TYPE.get(model_type) if isinstance(model_type, str) else None
    return name, _CLASSES.get((name or "").removesuffix("Fast"), _GENERIC)
