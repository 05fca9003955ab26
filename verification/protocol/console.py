"""Paths and texts of the consoles of each platform, as their own guides and users have them.

When a console changes, only this file has to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verification.protocol.enums import Platform

# These texts are not translated, because the consoles may be in Chinese only.


@dataclass(frozen=True)
class Console:
    """Says where the form for the server URL is, and what it answers."""

    address: str
    menu_path: str
    #: Where the form was before, or is called otherwise.
    other_menu_paths: tuple[str, ...]
    #: The tester for server URLs of the same company.
    tester_url: str
    #: The messages after Submit (提交) or Save (保存), by what they mean. An empty text stands for
    #: a message whose words are not known.
    answers: Mapping[str, str]
    #: Another console, where some of the other paths begin: its name and its address.
    other_console: tuple[str, str] | None = None


#: It calls server URLs from mainland China.
WECHAT_TESTER_URL = "https://developers.weixin.qq.com/apiExplorer?type=messagePush"
WECOM_TESTER_URL = "https://developer.work.weixin.qq.com/resource/devtool"
#: The message that followers get when an enabled server URL does not answer.
SERVICE_FAILURE_MESSAGE = "该公众号提供的服务出现故障，请稍后再试"
#: The message that users of a Mini Program get who write to its customer service.
MINI_PROGRAM_FAILURE_MESSAGE = "该小程序客服暂时无法提供服务，请稍后再试"

OFFICIAL_ACCOUNT = Console(
    address="https://developers.weixin.qq.com/platform/",
    menu_path="微信开发者平台 → 我的业务 → 公众号/服务号 → 消息与事件推送",
    # The path of the form before December 2025, and the path that a second guide gives.
    other_menu_paths=(
        "微信开发者平台 → 我的业务 → 公众号/服务号 → 基础信息 → 域名与消息推送配置",
        "微信公众平台 → 设置与开发 → 开发接口管理（基本配置） → 服务器配置",
    ),
    other_console=("微信公众平台", "https://mp.weixin.qq.com/"),
    tester_url=WECHAT_TESTER_URL,
    answers={
        "success": "提交成功",
        "token": "token验证失败",
        "timeout": "请求URL超时",
        "error": "系统发生错误，请稍后重试",
    },
)
MINI_PROGRAM = Console(
    address="https://mp.weixin.qq.com/",
    menu_path="小程序后台 → 开发 → 开发管理 → 消息推送配置",
    other_menu_paths=(
        "小程序后台 → 管理 → 开发管理 → 消息推送配置",
        "小程序后台 → 开发管理 → 开发设置 → 消息推送",
    ),
    tester_url=WECHAT_TESTER_URL,
    answers={
        "success": "",
        "token": "Token校验失败，请检查确认",
        "timeout": "请求超时，请检查信息是否填写正确",
        "unresolved": "解析失败，请检查信息是否填写正确",
        "tls": "系统错误",
        "error": "系统繁忙，请稍后尝试！",
    },
)
WECOM_APP = Console(
    address="https://work.weixin.qq.com/wework_admin/frame#apps",
    menu_path="企业微信管理后台 → 应用管理 → 应用 → 自建 → （应用） → 接收消息 → 设置API接收",
    other_menu_paths=(
        "客户与上下游 → 客户联系 → 客户 → API → 接收事件服务器",
        "管理工具 → 通讯录同步 → 设置接收事件服务器",
        "应用管理 → 审批 → API → 接收事件服务器",
        "管理工具 → 会话内容存档 → 设置接收事件服务器",
    ),
    tester_url=WECOM_TESTER_URL,
    answers={
        "success": "",
        "failed": "openapi回调地址请求不通过",
        "domain": "域名主体校验未通过",  # 需配置备案主体与当前企业主体相同或有关联关系的域名
        "restricted": "该域名被限制设置，请重新设置",
    },
)
#: A third-party app (第三方应用) of WeCom.
WECOM_SUITE = Console(
    address="https://open.work.weixin.qq.com/",
    menu_path="服务商管理后台 → 应用管理 → 网页应用 → （应用） → 开发信息",
    other_menu_paths=(
        "服务商管理后台 → 应用管理 → 第三方应用 → （应用） → 开发信息",
        "服务商管理后台 → 应用管理 → 应用代开发 → 代开发模板回调URL",
    ),
    tester_url=WECOM_TESTER_URL,
    answers={
        "success": "",
        "failed": "服务商未响应请求，将无法获取用户事件回调",
        "template": "验证CallBackUrl失败",
    },
)


def console_of(platform: int, suite_id: str = "") -> Console:
    """Return the console in which an account of this platform is set up."""
    if platform == Platform.WECOM:
        return WECOM_SUITE if suite_id else WECOM_APP
    return MINI_PROGRAM if platform == Platform.MINI_PROGRAM else OFFICIAL_ACCOUNT
