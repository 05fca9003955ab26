"""WeChat's console as its own guides describe it. When it moves again, only this file changes."""

from __future__ import annotations

# In its own words, whatever the language of our page: the console may be Chinese only.
MENU_PATH = "微信开发者平台 → 我的业务 → 公众号/服务号 → 消息与事件推送"
#: Where the form was before December 2025, and where a second guide has it.
OTHER_MENU_PATHS = (
    "微信开发者平台 → 我的业务 → 公众号/服务号 → 基础信息 → 域名与消息推送配置",
    "微信公众平台 → 设置与开发 → 开发接口管理（基本配置） → 服务器配置",
)
#: WeChat's own tester of a server URL, which calls it from mainland China.
TESTER_URL = "https://developers.weixin.qq.com/apiExplorer?type=messagePush"
#: What followers read when a server URL that is enabled does not answer.
SERVICE_FAILURE_MESSAGE = "该公众号提供的服务出现故障，请稍后再试"
#: What the console says after Submit (提交), by a short name for each.
ANSWERS = {
    "success": "提交成功",
    "token": "token验证失败",
    "timeout": "请求URL超时",
    "error": "系统发生错误，请稍后重试",
}
