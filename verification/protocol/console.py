"""Paths and texts of WeChat's console, as its own guides have them.

When the console changes, only this file has to change.
"""

from __future__ import annotations

# These texts are not translated, because the console may be in Chinese only.
MENU_PATH = "微信开发者平台 → 我的业务 → 公众号/服务号 → 消息与事件推送"
#: The path of the form before December 2025, and the path that a second guide gives.
OTHER_MENU_PATHS = (
    "微信开发者平台 → 我的业务 → 公众号/服务号 → 基础信息 → 域名与消息推送配置",
    "微信公众平台 → 设置与开发 → 开发接口管理（基本配置） → 服务器配置",
)
#: Where the first and the last of these paths begin.
PLATFORM_URL = "https://developers.weixin.qq.com/platform/"
OLD_CONSOLE_URL = "https://mp.weixin.qq.com/"
#: WeChat's own tester for server URLs. It calls them from mainland China.
TESTER_URL = "https://developers.weixin.qq.com/apiExplorer?type=messagePush"
#: The message that followers get when an enabled server URL does not answer.
SERVICE_FAILURE_MESSAGE = "该公众号提供的服务出现故障，请稍后再试"
#: The console's messages after Submit (提交), each by a short name.
ANSWERS = {
    "success": "提交成功",
    "token": "token验证失败",
    "timeout": "请求URL超时",
    "error": "系统发生错误，请稍后重试",
}
