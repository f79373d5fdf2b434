"""Logs in another language than English: a server writes in that of its lc_messages.

Severities and the words before DETAIL and STATEMENT are known in all languages that PostgreSQL is
translated into, so that errors are read; what else a log tells, its messages tell, in English only.
"""

from __future__ import annotations

import re

_TRANSLATED = {
    "ERROR": "FEHLER ERREUR ERRORE შეცდომა 오류 ОШИБКА FEL ПОМИЛКА 错误 錯誤",
    "FATAL": "FATALE FATALT ფატალური 치명적오류 ВАЖНО ФАТАЛЬНО 致命错误 致命錯誤",
    "PANIC": "PANIK PANICO პანიკა 손상 ПАНИКА ПАНІКА 灾难性错误 嚴重錯誤",
    "WARNING": "WARNUNG ATTENTION ATTENZIONE გაფრთხილება 경고 ПРЕДУПРЕЖДЕНИЕ VARNING "
    "ПОПЕРЕДЖЕННЯ 警告",
    "LOG": "ჟურნალი 로그 СООБЩЕНИЕ LOGG ЗАПИСУВАННЯ 日志 日誌",
    "NOTICE": "HINWEIS NOTIFICA 알림 ЗАМЕЧАНИЕ NOTIS ПОВІДОМЛЕННЯ 注意",
    "INFO": "ინფორმაცია 정보 ИНФОРМАЦИЯ ІНФОРМАЦІЯ 信息 資訊",
    "STATEMENT": "ANWEISUNG SENTENCIA INSTRUCTION ISTRUZIONE 文 ოპერატორი ОПЕРАТОР SATS "
    "ІНСТРУКЦІЯ 语句 陳述式",
    "DETAIL": "DETALLE DÉTAIL DETTAGLI 詳細 დეტალები 상세정보 ПОДРОБНОСТИ DETALJ ВІДОМОСТІ "
    "详情 詳情",
    "HINT": "TIPP ASTUCE SUGGERIMENTO ヒント მინიშნება 힌트 ПОДСКАЗКА TIPS УКАЗІВКА 提示",
    "CONTEXT": "ZUSAMMENHANG CONTEXTO CONTEXTE CONTESTO 文脈 კონტექსტი 내용 КОНТЕКСТ KONTEXT "
    "上下文",
}
ENGLISH = {
    word.encode(): name.encode() for name, words in _TRANSLATED.items() for word in words.split()
}
"""Severities by their translation, as PostgreSQL's own catalogues of messages (postgres.po) have
it."""
LOST = b"?"
"""What a severity consists of that was written before the session had an encoding for it."""
WORDS = "|".join([*(word for words in _TRANSLATED.values() for word in words.split()), r"\?+"])
"""A pattern for all of them."""
_A_DURATION = re.compile(rb"[^:\d\n]{2,80}: ?\d+\.\d{3} \S{1,20}(?:$|  |, )")


def is_duration(message: bytes) -> bool:
    """Whether a message that is no duration in English looks like one in another language."""
    return _A_DURATION.match(message) is not None
